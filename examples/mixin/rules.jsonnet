// All rules as one file: jsonnet -S rules.jsonnet >rules.yml
local mixin = import 'mixin.libsonnet';
std.manifestYamlDoc({ groups: mixin.prometheusRules.groups + mixin.prometheusAlerts.groups }, indent_array_in_object=true)
