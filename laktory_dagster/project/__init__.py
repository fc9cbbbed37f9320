"""A path to validated plans: what `validate`, `run` and Dagster load."""

from laktory_dagster.project.load import load_plan, model_from_yaml, plan_of
from laktory_dagster.project.loader import FileProblem, Project, load_project

__all__ = ["FileProblem", "Project", "load_plan", "load_project", "model_from_yaml", "plan_of"]
