"""What studies lie on and can lose for a while: parts of `benchmarks.faults`."""
