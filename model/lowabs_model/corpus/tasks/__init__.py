"""Fine-tuning tasks: builders that find, in ordinary source files, holes of the kind a family of tasks is made of."""
