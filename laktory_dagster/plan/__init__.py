"""Models to a plan: checked, ordered, engine-free; selection and explanation of it."""
