package detector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"
)

// Query evaluates an expression at a time, over the source that the Manager reads. Its result is an instant vector.
func (m *Manager) Query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	m.mu.Lock()
	source := m.source
	m.mu.Unlock()
	if source == nil {
		return nil, errors.New("no configuration has been applied")
	}
	q, err := m.o.Engine.NewInstantQuery(ctx, source, nil, expr, at)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	defer q.Close()
	found, err := q.Exec(ctx).Vector()
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return slices.Clone(found), nil // the query takes its own back
}
