"""The whole service: its jobs, queue, cluster and calls, and what is wrong."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from panels import board, lines, number, rows

FAILURES = 'chainrule_rpc_seconds_count{code!~"OK|CANCELLED"}'
"""Whoever has seen enough cancels his stream."""


def build() -> Dashboard:
    """Show the whole service: its jobs, queue, cluster and calls, and what is wrong."""
    return (
        board("fleet", "Chainrule: fleet", "All jobs of the service, its queue and its cluster.")
        .with_panel(
            number("Jobs", "By state, since the service's first start.", {"{{state}}": "chainrule_jobs"}, width=12)
        )
        .with_panel(number("Queue", "Jobs that wait for CPUs.", {"": "chainrule_queue_jobs"}))
        .with_panel(
            number(
                "Longest wait",
                "The time that a job has waited for CPUs.",
                {"": "chainrule_queue_longest_wait_seconds"},
                unit="s",
                bad=1800,
            )
        )
        .with_panel(
            number(
                "CPUs in use",
                "Share of the CPUs of the cluster on which workers compute.",
                {"": "chainrule_cluster_cpus_in_use / chainrule_cluster_cpus"},
                unit="percentunit",
            )
        )
        .with_panel(
            rows(
                "Alerts",
                "What deploy/prometheus/alerts.yml finds; deploy/README.md says what to do.",
                'max by (alertname, job, layer, severity) (ALERTS{alertname=~"Chainrule.*", alertstate="firing"})',
            )
        )
        .with_panel(
            rows(
                "Layers that do not learn",
                "Vanishing, exploding, dead, or without gradient.",
                "max by (job, layer, diagnosis) (chainrule_layer_diagnosis) == 1",
            )
        )
        .with_panel(
            lines(
                "Training loss",
                "Of each job: the mean over its last steps, those of an epoch, at least 10 and at most 100.",
                {"{{job}}": 'chainrule_job_loss{split="train"}'},
                log=True,
            )
        )
        .with_panel(
            lines("Samples a second", "Training rows, of each job.", {"{{job}}": "job:chainrule_job_samples:rate1m"})
        )
        .with_panel(
            lines(
                "Progress",
                "Steps done, of those that are planned.",
                {"{{job}}": "chainrule_job_step / chainrule_job_planned_steps"},
                unit="percentunit",
                most=1.0,
            )
        )
        .with_panel(
            lines(
                "CPUs",
                "Of the cluster, and those on which the workers of each job compute.",
                {"{{job}}": "chainrule_job_workers", "all": "chainrule_cluster_cpus"},
            )
        )
        .with_panel(
            lines(
                "Calls",
                "99th percentile of the time of each method of the service.",
                {"{{method}}": "method:chainrule_rpc_seconds:p99_5m"},
                unit="s",
                log=True,
            )
        )
        .with_panel(
            lines(
                "Calls that fail",
                "In a second, by status.",
                {"{{method}} {{code}}": f"sum by (method, code) (rate({FAILURES}[1m]))"},
                unit="reqps",
            )
        )
        .with_panel(
            lines("Memory", "Of the service.", {"resident": "process_resident_memory_bytes"}, unit="bytes", width=8)
        )
        .with_panel(lines("Processor", "Of the service.", {"CPUs": "rate(process_cpu_seconds_total[1m])"}, width=8))
        .with_panel(
            lines(
                "Left out",
                "Jobs and layers for which there was no room in the metrics.",
                {"{{kind}}": "chainrule_metrics_left_out_total"},
                width=8,
            )
        )
    )
