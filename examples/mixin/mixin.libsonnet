// A monitoring mixin of the rules and dashboards of this repository: see README.md beside it.
local selector = import 'selector.libsonnet';

(import 'config.libsonnet') + {
  local config = $._config,

  // Rules and records whose expression has a threshold, and how that is written there.
  local thresholds = [
    { rules: ['anomaly:alert_budget:per_week'], text: 'vector(%s)', default: '1', value: config.alertBudgetPerWeek },
    { rules: ['anomaly:time_to_limit:seconds'], text: 'vector(%s)', default: '4 * 3600', value: config.timeToLimitSeconds },
    {
      rules: ['AnomalyDetectedHighScore', 'PredictivePodInstability', 'CorrelatedDrift'],
      text: '>= %s * scalar(',
      default: '10',
      value: config.criticalFactor,
      optional: true,  // the warnings of these names
    },
    { rules: ['LimitBreachImminent', 'TimeToLimit'], text: ' >= %s', default: '0.8', value: config.breachProbability },
    { rules: ['AnomalyForecastsWorseThanNaive'], text: ' > %s', default: '1.1', value: config.forecastError },
    { rules: ['AnomalyForecastIntervalsCollapsed'], text: ' < %s', default: '0.5', value: config.intervalCoverage },
  ],

  local name(rule) = if std.objectHas(rule, 'alert') then rule.alert else rule.record,

  local setThreshold(rule, threshold) =
    if !std.member(threshold.rules, name(rule)) then rule
    else
      local from = threshold.text % threshold.default;
      assert std.length(std.findSubstr(from, rule.expr)) > 0 || std.get(threshold, 'optional', false) :
             '%s has no "%s"' % [name(rule), from];
      rule { expr: std.strReplace(rule.expr, from, threshold.text % threshold.value) },

  local patch(rule) =
    local set = std.foldl(setThreshold, thresholds, rule);
    // std.manifestYamlDoc writes text that begins with spaces as YAML that nobody can read.
    set { expr: selector.add(std.lstripChars(set.expr, ' '), config.selector) } + (
      if !std.objectHas(rule, 'alert') then {}
      else {
        labels+: { severity: config.severities[rule.labels.severity] } + config.alertLabels,
        annotations+: {
          runbook_url: config.runbookURL + std.asciiLower(rule.alert),
        },
      } + std.get(config.overrides, rule.alert, {})
    ),

  local groups(file) = [
    group { rules: [patch(rule) for rule in group.rules if !std.member(config.disabledAlerts, name(rule))] }
    for group in std.parseYaml(file).groups
    if !std.member(config.disabledGroups, group.name)
  ],

  prometheusRules+:: {
    groups+: groups(importstr '../../rules/recording.yml'),
  },

  prometheusAlerts+:: {
    groups+:
      groups(importstr '../../rules/anomalies.yml')
      + groups(importstr '../../rules/breaches.yml')
      + groups(importstr '../../rules/drift.yml')
      + groups(importstr '../../rules/exporter.yml')
      + groups(importstr '../../rules/scaling.yml'),
  },

  grafanaDashboards+:: {
    'anomalies.json': import '../../dashboards/anomalies.json',
    'exporter.json': import '../../dashboards/exporter.json',
    'forecast-and-scaling.json': import '../../dashboards/forecast-and-scaling.json',
    'quality.json': import '../../dashboards/quality.json',
  },
}
