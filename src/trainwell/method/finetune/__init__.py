"""`finetune`: a network that was trained before, put to another task."""
