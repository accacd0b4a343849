package resources

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
	// monthHours is what clouds bill as a month.
	monthHours = 730
)

// quantity returns an amount of a resource as Kubernetes writes it. Limits are never rounded up.
func quantity(resource string, v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case resource == cpu:
		milli := int64(math.Floor(v*1000 + 1e-6))
		if milli%1000 == 0 {
			return strconv.FormatInt(milli/1000, 10)
		}
		return strconv.FormatInt(milli, 10) + "m"
	}
	bytes := int64(v)
	for _, unit := range []struct {
		size int64
		name string
	}{{gib, "Gi"}, {mib, "Mi"}, {kib, "Ki"}} {
		if bytes >= unit.size && bytes%unit.size == 0 {
			return strconv.FormatInt(bytes/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(bytes, 10)
}

// writeTable writes the rows for people, and what the changes cost if there are prices.
func (c *Command) writeTable(out io.Writer, rows []row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	priced := c.CoreHour > 0 || c.GiBHour > 0
	fmt.Fprint(w, "namespace\tworkload\tcontainer\tpods\tresource\trequest\trecommended\tchange\t")
	if priced {
		fmt.Fprint(w, "cost a month\tthen\t")
	}
	fmt.Fprintln(w, "note")
	var before, after float64
	changes := 0
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s/%s\t%s\t%d\t%s\t%s\t%s\t%s\t", r.namespace, r.kind, r.workload.name, r.container.name,
			len(r.pods), r.resource, quantity(r.resource, r.current), quantity(r.resource, r.recommended), r.change())
		now, then := c.cost(r, r.current), c.cost(r, r.current)
		if !math.IsNaN(r.target) {
			changes++
			then = c.cost(r, r.target)
		}
		before, after = before+now, after+then
		if priced {
			fmt.Fprintf(w, "%.2f\t%.2f\t", now, then)
		}
		fmt.Fprintln(w, r.note)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s of %s", count(changes, "change"), count(len(rows), "request"))
	if priced {
		fmt.Fprintf(out, "; cost a month: %.2f now, %.2f then", before, after)
	}
	_, err := fmt.Fprintln(out)
	return err
}

// change returns how a request would change, for people; "" if it is kept.
func (r row) change() string {
	switch {
	case math.IsNaN(r.target):
		return ""
	case math.IsNaN(r.current) || r.current == 0:
		return "new"
	}
	return fmt.Sprintf("%+.0f %%", 100*(r.target/r.current-1))
}

// cost returns what so much of a resource costs in a month in all pods of a row.
func (c *Command) cost(r row, each float64) float64 {
	if math.IsNaN(each) {
		return 0
	}
	total := each * float64(len(r.pods)) * monthHours
	if r.resource == cpu {
		return total * c.CoreHour
	}
	return total / gib * c.GiBHour
}

// A patch is a strategic merge patch of the requests of a workload.
type patch struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name      string `yaml:"name"`
		Namespace string `yaml:"namespace"`
	} `yaml:"metadata"`
	Spec struct {
		Template struct {
			Spec struct {
				Containers []patchedContainer `yaml:"containers"`
			} `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

type patchedContainer struct {
	Name      string `yaml:"name"`
	Resources struct {
		Requests map[string]string `yaml:"requests"`
	} `yaml:"resources"`
}

// writePatches writes a patch for each workload with changes. The same changes give the same text.
func (c *Command) writePatches(e Environment, rows []row) error {
	var patches []*patch
	var last *container
	for _, r := range rows {
		if math.IsNaN(r.target) {
			if r.note != "" {
				fmt.Fprintf(e.Stderr, "left out: %s\n", r.remark())
			}
			continue
		}
		if r.note != "" {
			fmt.Fprintln(e.Stderr, r.remark())
		}
		if last == nil || last.workload != r.workload {
			p := &patch{APIVersion: "apps/v1", Kind: r.kind}
			p.Metadata.Name, p.Metadata.Namespace = r.workload.name, r.namespace
			patches = append(patches, p)
		}
		of := &patches[len(patches)-1].Spec.Template.Spec.Containers
		if last != r.container {
			one := patchedContainer{Name: r.container.name}
			one.Resources.Requests = map[string]string{}
			*of = append(*of, one)
		}
		(*of)[len(*of)-1].Resources.Requests[r.resource] = quantity(r.resource, r.target)
		last = r.container
	}
	if len(patches) == 0 {
		fmt.Fprintln(e.Stderr, "nothing to change")
		return nil
	}
	enc := yaml.NewEncoder(e.Stdout)
	enc.SetIndent(2)
	for _, p := range patches {
		if err := enc.Encode(p); err != nil {
			return err
		}
	}
	return enc.Close()
}

// remark returns what is special about a row, in a line.
func (r row) remark() string {
	return fmt.Sprintf("%s/%s/%s/%s: %s of %s: %s", r.namespace, r.kind, r.workload.name, r.container.name,
		quantity(r.resource, r.recommended), r.resource, r.note)
}
