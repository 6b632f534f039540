"""The steps that commands and Dagster are made of, each with its progress shown."""
