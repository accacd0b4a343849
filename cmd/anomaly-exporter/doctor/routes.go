package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/ask"
)

// routing is what is needed of the configuration of Alertmanager, as its API shows it.
type routing struct {
	Route     route            `yaml:"route"`
	Receivers []map[string]any `yaml:"receivers"`
}

type route struct {
	Receiver string            `yaml:"receiver"`
	Matchers []string          `yaml:"matchers"`
	Match    map[string]string `yaml:"match"`
	MatchRE  map[string]string `yaml:"match_re"`
	Continue bool              `yaml:"continue"`
	Routes   []route           `yaml:"routes"`
}

// matcher matches a matcher as Alertmanager writes it: a name, perhaps in quotes, an operator, and a value in quotes.
var matcher = regexp.MustCompile(`^\s*("(?:[^"\\]|\\.)*"|[^\s"=!~]+)\s*(=~|!~|!=|=)\s*(.*?)\s*$`)

var operators = map[string]labels.MatchType{
	"=": labels.MatchEqual, "!=": labels.MatchNotEqual, "=~": labels.MatchRegexp, "!~": labels.MatchNotRegexp,
}

// unquote returns text without the quotes around it, if there are any.
func unquote(text string) string {
	if plain, err := strconv.Unquote(text); err == nil {
		return plain
	}
	return text
}

// matches reports whether the route takes an alert with these labels.
func (r *route) matches(alert map[string]string) (bool, error) {
	var all []*labels.Matcher
	add := func(op, name, value string) error {
		m, err := labels.NewMatcher(operators[op], name, value)
		all = append(all, m)
		return err
	}
	var errs error
	for _, text := range r.Matchers {
		parts := matcher.FindStringSubmatch(text)
		if parts == nil {
			return false, fmt.Errorf("unknown matcher %s", text)
		}
		errs = errors.Join(errs, add(parts[2], unquote(parts[1]), unquote(parts[3])))
	}
	for name, value := range r.Match {
		errs = errors.Join(errs, add("=", name, value))
	}
	for name, value := range r.MatchRE {
		errs = errors.Join(errs, add("=~", name, value))
	}
	if errs != nil {
		return false, errs
	}
	return !slices.ContainsFunc(all, func(m *labels.Matcher) bool { return !m.Matches(alert[m.Name]) }), nil
}

// receivers returns who gets an alert that the route has taken. inherited is the receiver of the route above.
func (r *route) receivers(alert map[string]string, inherited string) (names []string, err error) {
	if r.Receiver != "" {
		inherited = r.Receiver
	}
	for i := range r.Routes {
		child := &r.Routes[i]
		taken, err := child.matches(alert)
		if err != nil {
			return nil, err
		}
		if !taken {
			continue
		}
		below, err := child.receivers(alert, inherited)
		if err != nil {
			return nil, err
		}
		if names = append(names, below...); !child.Continue {
			break
		}
	}
	if len(names) == 0 {
		names = []string{inherited}
	}
	return names, nil
}

// silent returns the receivers that notify nobody.
func (r *routing) silent() map[string]bool {
	found := map[string]bool{}
	for _, receiver := range r.Receivers {
		name, _ := receiver["name"].(string)
		found[name] = true
		for key, value := range receiver {
			if configs, ok := value.([]any); ok && strings.HasSuffix(key, "_configs") && len(configs) > 0 {
				found[name] = false
			}
		}
	}
	return found
}

// checkRoutes tells who gets the alerts of each severity, if they have no other labels than those of their rules.
func (d *doctor) checkRoutes(ctx context.Context, am *ask.Client) {
	var status struct {
		Config struct {
			Original string `json:"original"`
		} `json:"config"`
	}
	if err := am.JSON(ctx, "api/v2/status", nil, &status); err != nil {
		d.failed(Error, "routes", am.Failed(err))
		return
	}
	var r routing
	if err := yaml.Unmarshal([]byte(status.Config.Original), &r); err != nil {
		d.add(Warning, "routes", "", "the configuration of Alertmanager is not understood: %s", err)
		return
	}
	silent := r.silent()
	reached := map[string]map[string]bool{} // receivers by severity
	unheard := map[string][]string{}        // alerts by severity
	for _, alert := range d.alerts() {
		severity := alert["severity"]
		names, err := r.Route.receivers(alert, "")
		if err != nil {
			d.add(Warning, "routes", "", "the routes of Alertmanager are not understood: %s", err)
			return
		}
		names = slices.DeleteFunc(names, func(name string) bool { return silent[name] })
		if len(names) == 0 {
			unheard[severity] = append(unheard[severity], alert["alertname"])
			continue
		}
		if reached[severity] == nil {
			reached[severity] = map[string]bool{}
		}
		for _, name := range names {
			reached[severity][name] = true
		}
	}
	for _, severity := range slices.Sorted(maps.Keys(reached)) {
		d.add(OK, "routes", "", "severity %s goes to %s",
			severity, strings.Join(slices.Sorted(maps.Keys(reached[severity])), ", "))
	}
	for _, severity := range slices.Sorted(maps.Keys(unheard)) {
		slices.Sort(unheard[severity])
		d.add(Error, "routes", "add a route for them, as in examples/alertmanager",
			"nobody is notified of severity %s: %s", severity, strings.Join(slices.Compact(unheard[severity]), ", "))
	}
}

// alerts returns the labels of the loaded alerts; if there are none, those of the shipped ones.
func (d *doctor) alerts() (all []map[string]string) {
	for _, r := range d.rules {
		if r.labels != nil {
			all = append(all, r.labels)
		}
	}
	if len(all) > 0 {
		return all
	}
	for _, severity := range []string{"critical", "warning"} {
		all = append(all, map[string]string{
			"alertname": "AnomalyDetectedHighScore", "severity": severity, "source": "predictive_model",
		})
	}
	return all
}
