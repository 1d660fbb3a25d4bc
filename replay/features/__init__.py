"""Features and labels of a recording as one table: what a model is trained on (`tapewire features`)."""
