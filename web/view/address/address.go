// Package address finds the series that the address of a page is about, by their labels.
package address

import (
	"maps"
	"net/url"
	"slices"
	"sync"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// parameters are those of a page that are no labels.
var parameters = []string{"detector", "scaler", "range", "at", "overlay", "offset", "gone"}

// Of returns the path and the query of the page of a series with some labels, of a kind and source, and at a path. It
// leaves out labels that are called like a parameter of the page, such as at.
func Of(path, kind, source string, of map[string]string) string {
	q := url.Values{}
	for name, value := range of {
		if !slices.Contains(parameters, name) {
			q.Set(name, value)
		}
	}
	q.Set(kind, source)
	return path + "?" + q.Encode()
}

// Find returns the series of a batch that have all the labels of the query of a page, if it names the detector or
// scaler of the batch. If one of several has no other labels, it is that one. Labels that none of the detector has are
// ignored: a scrape may have added them, and links in alerts are made of what was scraped. If there is none, or the
// page is about what is gone, it returns those that are gone and had the labels.
func Find(b *result.Batch, page url.Values) (found []*result.Series, gone []result.Gone) {
	if page.Get(b.Source.Kind()) != b.Source.ID() {
		return nil, nil
	}
	now := page.Get("gone") != "true"
	page = maps.Clone(page)
	maps.DeleteFunc(page, func(name string, _ []string) bool { return slices.Contains(parameters, name) })
	had := sync.OnceValue(func() []result.Labels { // not needed for most pages
		all := make([]result.Labels, len(b.Gone))
		for i := range b.Gone {
			all[i] = b.LabelsOf(b.Gone[i].Input)
		}
		return all
	})
	maps.DeleteFunc(page, func(name string, _ []string) bool {
		has := func(l result.Labels) bool { return l.Get(name) != "" }
		return !slices.ContainsFunc(b.Series, func(s result.Series) bool { return has(s.Labels) }) &&
			!slices.ContainsFunc(had(), has)
	})
	for i := range b.Series {
		if s := &b.Series[i]; now && hasAll(s.Labels, page) {
			if exact(s.Labels, page) {
				return []*result.Series{s}, nil
			}
			found = append(found, s)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	for i, l := range had() {
		if hasAll(l, page) {
			if exact(l, page) {
				return nil, b.Gone[i : i+1]
			}
			gone = append(gone, b.Gone[i])
		}
	}
	return nil, gone
}

func hasAll(l result.Labels, page url.Values) bool {
	for name, values := range page {
		if l.Get(name) != values[0] {
			return false
		}
	}
	return true
}

// exact reports whether a page names all labels of results that are not empty.
func exact(l result.Labels, page url.Values) bool {
	return !slices.ContainsFunc(l, func(of labels.Label) bool {
		return of.Value != "" && !page.Has(of.Name) && !slices.Contains(parameters, of.Name)
	})
}
