"""What a shell offers while somebody types: tasks of the project in this folder."""

from lightly_assets.commands.shared import DEFAULT_CONFIG


def tasks_of_project(incomplete: str) -> list[str]:
    """Names of tasks of ``lightly.yaml`` that begin like that; none where it cannot be read."""
    import yaml

    try:
        data = yaml.safe_load(DEFAULT_CONFIG.read_text("utf-8"))
        names = [str(task["name"]) for task in data["tasks"]]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return []
    return [name for name in names if name.startswith(incomplete)]
