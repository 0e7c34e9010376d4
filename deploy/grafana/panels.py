"""What our dashboards are made of: Prometheus queries as lines, numbers, tables and coloured bars."""

from collections.abc import Mapping
from typing import TypeAlias

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = looks.DataSourceRef(type_val="prometheus", uid="chainrule-prometheus")
QUIET, GOOD, BAD = "text", "green", "red"

Queries: TypeAlias = Mapping[str, str]
"""Legend -> PromQL."""


def board(name: str, title: str, description: str, *variables: dashboard.QueryVariable) -> dashboard.Dashboard:
    """Return an empty dashboard, with links to the others and to the service's page."""
    page = dashboard.TextBoxVariable("page").label("Page").default_value("http://localhost:8080")
    built = (
        dashboard.Dashboard(title)
        .uid(f"chainrule-{name}")
        .description(description)
        .tags(["chainrule"])
        .readonly()
        .refresh("5s")
        .time("now-15m", "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(_link("Chainrule", models.DashboardLinkType.DASHBOARDS))
        .link(_link("The page", models.DashboardLinkType.LINK))
    )
    for variable in (*variables, page):
        built = built.with_variable(variable)
    return built


def _link(title: str, kind: models.DashboardLinkType) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(title).type(kind).keep_time(True)
    if kind is models.DashboardLinkType.DASHBOARDS:
        return link.tags(["chainrule"]).include_vars(True)
    return link.url("${page}").target_blank(True).icon("external link")


def variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """Return a variable of which several values, or all, may be chosen."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.NUMERICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(text=["All"], value=["$__all"], selected=True))
    )


JOB = ("job", "Job", "label_values(chainrule_job_step, job)")
LAYER = ("layer", "Layer", 'label_values(chainrule_layer_weight_norm{job=~"$job"}, layer)')


def _query(legend: str, expression: str, ref: str, *, instant: bool = False) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(ref).datasource(SOURCE)
    return query.instant().format(PromQueryFormat.TABLE) if instant else query.range()


def lines(
    title: str,
    description: str,
    queries: Queries,
    *,
    unit: str = "short",
    log: bool = False,
    stacked: bool = False,
    width: int = 12,
    most: float | None = None,
) -> timeseries.Panel:
    """Return curves over time; a click on one leads to its job's page."""
    scale = common.ScaleDistributionConfig().type(
        looks.ScaleDistribution.LOG if log else looks.ScaleDistribution.LINEAR
    )
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .line_width(2)
        .scale_distribution(scale.log(10) if log else scale)
        .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI))
        .legend(_legend())
        .data_links([_to_the_job()])
        .height(8)
        .span(width)
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL)).fill_opacity(40)
    if most is not None:
        panel = panel.min(0).max(most)
    for ref, (legend, expression) in zip("ABCDEF", queries.items(), strict=False):
        panel = panel.with_target(_query(legend, expression, ref))
    return panel


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(looks.LegendDisplayMode.LIST).show_legend(True)
    return legend.placement(looks.LegendPlacement.BOTTOM)


def _to_the_job() -> dashboard.DashboardLink:
    return dashboard.DashboardLink("The job's page").url("${page}/jobs/${__field.labels.job}").target_blank(True)


def number(
    title: str, description: str, queries: Queries, *, unit: str = "short", bad: float | None = None, width: int = 4
) -> stat.Panel:
    """Return the newest values, large; from `bad` on they are red."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .graph_mode(looks.BigValueGraphMode.NONE)
        .thresholds(_limits(QUIET, bad))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("–")
        .height(4)
        .span(width)
    )
    for ref, (legend, expression) in zip("ABCDEF", queries.items(), strict=False):
        panel = panel.with_target(_query(legend, expression, ref))
    return panel


def _limits(good: str, bad: float | None) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(value=None, color=good)]
    if bad is not None:
        steps.append(models.Threshold(value=bad, color=BAD))
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def rows(title: str, description: str, expression: str, *, width: int = 12) -> table.Panel:
    """Return the labels of what there is now, a row for each."""
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .no_value("nothing")
        .with_target(_query("", expression, "A", instant=True))
        .with_transformation(
            models.DataTransformerConfig(
                id_val="organize",
                options={"excludeByName": dict.fromkeys(("Time", "Value", "__name__", "instance", "alertstate"), True)},
            )
        )
        .height(8)
        .span(width)
    )


def bars(title: str, description: str, queries: Queries, *, width: int = 24) -> statetimeline.Panel:
    """Return bars over time that are red while a value is 1."""
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .thresholds(_limits(GOOD, 1.0))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .show_value(looks.VisibilityMode.NEVER)
        .height(8)
        .span(width)
    )
    for ref, (legend, expression) in zip("ABCDEF", queries.items(), strict=False):
        panel = panel.with_target(_query(legend, expression, ref))
    return panel
