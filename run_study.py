"""Run a hyperparameter study of HAGCN: ``python run_study.py [SPACE.yaml] [options]``."""

import sys

from study.command import main

if __name__ == "__main__":
    sys.exit(main())
