"""Prints what a check found."""

from __future__ import annotations

import click

from undisc_node.storage.checking.problems import Problem, short


def say_problem(problem: Problem) -> None:
    """Print one problem, what to do about it, and where a good copy may be."""
    study = f"study {short(problem.study)}: " if problem.study else ""
    click.echo(f"{problem.level:<5} {study}{problem.sentence}")
    click.echo(f"      hint: {problem.hint}")
    if problem.copies:
        click.echo(f"      good copies may be at: {'; '.join(problem.copies)}")
