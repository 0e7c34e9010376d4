"""Whether jobs learn, and how fast."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from panels import JOB, board, lines, number, variable


def build() -> Dashboard:
    """Show whether jobs learn, and how fast."""
    return (
        board("job", "Chainrule: job", "Whether a job learns, and how fast.", variable(*JOB))
        .with_panel(
            number(
                "State", "Where the job is.", {"{{job}} {{state}}": 'chainrule_job_state{job=~"$job"} == 1'}, width=8
            )
        )
        .with_panel(
            number(
                "Progress",
                "Steps done, of those that are planned.",
                {"{{job}}": 'chainrule_job_step{job=~"$job"} / chainrule_job_planned_steps{job=~"$job"}'},
                unit="percentunit",
            )
        )
        .with_panel(number("Epoch", "Epochs that are complete.", {"{{job}}": 'chainrule_job_epoch{job=~"$job"}'}))
        .with_panel(number("Workers", "Workers that hold a lease.", {"{{job}}": 'chainrule_job_workers{job=~"$job"}'}))
        .with_panel(
            number(
                "Since the last step",
                "Of a job that trains.",
                {"{{job}}": 'job:chainrule_last_step:age_seconds{job=~"$job"}'},
                unit="s",
                bad=30,
            )
        )
        .with_panel(
            lines(
                "Loss",
                "train is the mean over the last steps, epoch that over the last whole epoch. Both splits rise: the "
                "learning rate is too high. Validation alone rises: the network overfits.",
                {
                    "{{job}} {{split}}": 'chainrule_job_loss{job=~"$job"}',
                    "{{job}} epoch": 'chainrule_job_epoch_loss{job=~"$job"}',
                },
                log=True,
            )
        )
        .with_panel(
            lines(
                "Accuracy",
                "Share of the rows that are classified right.",
                {"{{job}} {{split}}": 'chainrule_job_accuracy{job=~"$job"}'},
                unit="percentunit",
            )
        )
        .with_panel(
            lines(
                "Validation",
                "Every metric of the validation rows, after each epoch.",
                {"{{job}} {{__name__}}": '{__name__=~"chainrule_job_validation_.+", job=~"$job"}'},
            )
        )
        .with_panel(
            lines(
                "Samples a second",
                "Training rows: counted by Prometheus over a minute, and by the service over two seconds.",
                {
                    "{{job}}": 'job:chainrule_job_samples:rate1m{job=~"$job"}',
                    "{{job}} now": 'chainrule_job_samples_per_second{job=~"$job"}',
                },
            )
        )
        .with_panel(
            lines(
                "Time of a step",
                "Median over the job's life, and 95th percentile of the last minute.",
                {
                    "{{job}} median": 'job:chainrule_step_seconds:median{job=~"$job"}',
                    "{{job}} 95 %": 'job:chainrule_step_seconds:p95_1m{job=~"$job"}',
                },
                unit="s",
                log=True,
            )
        )
        .with_panel(
            lines(
                "Where a step's time goes",
                "compute is what cannot be saved; wait is for the slowest worker, wire for the network.",
                {"{{job}} {{phase}}": 'job_phase:chainrule_step_phase_seconds:share1m{job=~"$job"}'},
                unit="percentunit",
                stacked=True,
                most=1.0,
            )
        )
    )
