"""Pictures of an evaluation, drawn with Pillow."""
