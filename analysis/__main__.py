import sys

from analysis.command import main

sys.exit(main())
