"""What happens between workers and parameter servers."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from panels import JOB, board, lines, variable


def build() -> Dashboard:
    """Show what happens between workers and parameter servers."""
    return (
        board("parameter-server", "Chainrule: parameter server", "Between workers and weights.", variable(*JOB))
        .with_panel(
            lines(
                "Steps a second",
                "Optimizer updates.",
                {"{{job}}": 'sum by (job) (rate(chainrule_step_seconds_count{job=~"$job"}[1m]))'},
            )
        )
        .with_panel(
            lines(
                "Phases of a step",
                "Mean seconds of each.",
                {
                    "{{job}} {{phase}}": 'sum by (job, phase) (rate(chainrule_step_phase_seconds_sum{job=~"$job"}[1m]))'
                    ' / sum by (job, phase) (rate(chainrule_step_phase_seconds_count{job=~"$job"}[1m]))'
                },
                unit="s",
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Pushes",
                "In a second, by outcome; only those that are applied count.",
                {"{{job}} {{outcome}}": 'sum by (job, outcome) (rate(chainrule_pushes_total{job=~"$job"}[1m]))'},
            )
        )
        .with_panel(
            lines(
                "Pushes refused",
                "Share of all, over a minute.",
                {"{{job}}": 'job:chainrule_pushes_refused:share1m{job=~"$job"}'},
                unit="percentunit",
            )
        )
        .with_panel(
            lines(
                "Staleness",
                "Versions that the slowest worker of a job is behind.",
                {"{{job}}": 'chainrule_worker_staleness_versions{job=~"$job"}'},
            )
        )
        .with_panel(
            lines(
                "Leases that have ended",
                "Workers that were silent for too long, in 15 minutes.",
                {"{{job}}": 'sum by (job) (increase(chainrule_lease_expirations_total{job=~"$job"}[15m]))'},
            )
        )
        .with_panel(
            lines(
                "Age of the checkpoint",
                "So much training is done again when a parameter server dies.",
                {"{{job}}": 'job:chainrule_checkpoint:age_seconds{job=~"$job"}'},
                unit="s",
            )
        )
        .with_panel(
            lines(
                "Checkpoints",
                "Written in all, and steps done since the last one.",
                {
                    "{{job}} written": 'chainrule_checkpoints_total{job=~"$job"}',
                    "{{job}} steps since": 'chainrule_job_step{job=~"$job"} - chainrule_checkpoint_step{job=~"$job"}',
                },
            )
        )
    )
