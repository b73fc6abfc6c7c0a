"""Images to embeddings: `sources` finds the images, `backbones` turns them into vectors, `embedding` runs the two,
here or in the processes of `workers`."""
