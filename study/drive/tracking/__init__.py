"""Trackers that people watch experiments with elsewhere: TensorBoard, MLflow, Weights & Biases."""
