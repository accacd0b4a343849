package past

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/scorer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPast_RunOneAtATimeAndAreRemembered(t *testing.T) {
	p := New(nil)
	runs := 0
	run := func(context.Context) (*History, error) { runs++; return &History{Time: make([]int64, 10_000)}, nil }
	for range 3 {
		_, err := remembered(t.Context(), p, key{id: 1}, run)
		require.NoError(t, err)
	}
	require.Equal(t, 1, runs)
	refuse := func(context.Context) (*History, error) { return nil, errors.New("refused") }
	_, err := remembered(t.Context(), p, key{id: 2}, refuse)
	require.EqualError(t, err, "refused")
	_, err = remembered(t.Context(), p, key{id: 2}, run)
	require.NoError(t, err, "a failure is not remembered")
	for id := range uint64(30) {
		_, err := remembered(t.Context(), p, key{id: id + 10}, run)
		require.NoError(t, err)
	}
	memory := <-p.turn
	require.Len(t, memory, keptSteps/10_000)
	require.Equal(t, key{id: 39}, memory[len(memory)-1].key)

	// While one has its turn, a few wait, and the others are told to come back.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	for range maxReplays {
		go func() {
			_, err := remembered(ctx, p, key{id: 3}, run)
			done <- err
		}()
	}
	require.Eventually(t, func() bool { return len(p.waiting) == maxReplays }, 5*time.Second, time.Millisecond)
	_, err = remembered(t.Context(), p, key{id: 3}, run)
	require.ErrorIs(t, err, ErrBusy)
	cancel()
	for range maxReplays {
		require.ErrorIs(t, <-done, context.Canceled)
	}
}

func TestPast_RemembersTheNewestBatchWithItsHistory(t *testing.T) {
	layout, err := history.NewLayout(time.Minute, 14*24*time.Hour, time.Hour, history.Drop)
	require.NoError(t, err)
	values := history.New(layout)
	values.Append(120_000, 7, false)
	replays, members := 0, 1
	member := func(i int) labels.Labels { return labels.FromStrings("pod", strconv.Itoa(i)) }
	p := New(func(
		_ context.Context, source result.Source, _ []labels.Labels, _, end time.Time, emit func(*result.Batch),
	) error {
		replays++
		b := &result.Batch{Source: source, Format: &result.Format{Step: time.Minute}, Step: 120_000}
		for i := range members {
			b.Series = append(b.Series, result.Series{
				ID: uint64(i), Input: member(i), Score: scorer.Score{Value: -float64(i)}, History: []history.View{values.View()},
			})
		}
		if end.UnixMilli() >= b.Step {
			emit(b)
		}
		return nil
	})
	span := Span{Source: result.Source{Name: "pods"}, Input: member(0), To: 180_000}
	for range 2 {
		b, err := p.Batch(t.Context(), span)
		require.NoError(t, err)
		require.Equal(t, int64(120_000), b.Step)
		h, err := p.Series(t.Context(), span)
		require.NoError(t, err)
		require.Equal(t, []int64{120}, h.Time)
	}
	require.Equal(t, 1, replays, "the history is part of it")

	b, err := p.Batch(t.Context(), Span{Source: span.Source, Input: span.Input, To: 60_000})
	require.NoError(t, err)
	require.Nil(t, b, "there was no value yet")

	members, span.ID, span.Input = 2000, 1999, member(1999) // of a pool: the values of few are kept
	for range 2 {
		b, err = p.Batch(t.Context(), span)
		require.NoError(t, err)
		require.Len(t, b.Series, 2000)
		require.NotEmpty(t, b.Find(1999).History)
		require.NotEmpty(t, b.Find(keptMembers-1).History)
		require.Empty(t, b.Find(keptMembers).History)
	}
	require.Equal(t, 3, replays)
}

func TestPast_FindsSinceWhenOncePerDetector(t *testing.T) {
	source, begun := result.Source{Name: "latency"}, time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC)
	refused, replays := true, 0
	member := func(i int) labels.Labels { return labels.FromStrings("pod", strconv.Itoa(i)) }
	series := func(i int) *result.Series { return &result.Series{ID: uint64(i), Input: member(i)} }
	p := New(func(
		_ context.Context, of result.Source, inputs []labels.Labels, start, end time.Time, emit func(*result.Batch),
	) error {
		replays++
		if refused {
			return errors.New("refused")
		}
		require.Equal(t, source, of)
		require.ElementsMatch(t, []labels.Labels{member(1), member(2)}, inputs)
		require.Equal(t, begun.Add(-48*time.Hour), start)
		require.Equal(t, begun, end)
		high := result.Since{At: begun.Add(-time.Hour).UnixMilli()}
		emit(&result.Batch{Step: begun.UnixMilli(), Series: []result.Series{{ID: 1, Since: high}}})
		return nil
	})
	ask := func() (one, two result.Since, ok bool) {
		one, ok1 := p.Since(source, series(1), begun.UnixMilli())
		two, ok2 := p.Since(source, series(2), begun.UnixMilli())
		return one, two, ok1 && ok2
	}
	described, known := 0, false
	describe := func() {
		described++
		memory := <-p.turn // something else is replayed while both are asked for
		_, _, known = ask()
		p.turn <- memory
	}
	p.Settle(t.Context(), describe)
	require.Equal(t, []any{1, 1, false}, []any{described, replays, known})
	require.Zero(t, p.sinces.size)

	refused, described = false, 0
	p.Settle(t.Context(), describe)
	require.Equal(t, []any{2, 2, true}, []any{described, replays, known}, "a failure is not remembered")
	one, two, ok := ask()
	require.True(t, ok)
	require.Equal(t, result.Since{At: begun.Add(-time.Hour).UnixMilli()}, one)
	require.Equal(t, result.Since{At: begun.UnixMilli(), OrEarlier: true}, two, "the replay has not seen it")
	p.Settle(t.Context(), describe)
	require.Equal(t, 3, described)

	// Whoever waits as long as it takes goes on once nothing more becomes known.
	p, described, refused, replays = New(p.replay), 1, true, 0
	p.SettleAll(t.Context(), describe)
	require.Equal(t, []any{2, 1, false}, []any{described, replays, known})
	refused = false
	p.SettleAll(t.Context(), describe)
	require.Equal(t, []any{4, 2, true}, []any{described, replays, known})

	p.sinces.size, p.sinces.done = maxSinces, make(chan struct{})
	_, ok = p.Since(source, series(3), 2)
	require.False(t, ok)
	require.Empty(t, p.sinces.asked, "no more than so many")
}

func TestHistory_TellsWhatWasMaskedAndWhenAlertsLasted(t *testing.T) {
	layout, err := history.NewLayout(time.Minute, 4*24*time.Hour, time.Hour, history.Drop)
	require.NoError(t, err)
	values := history.New(layout)
	h := &History{}
	begin := time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC)
	for i := range 8 {
		step := begin.Add(time.Duration(i) * time.Minute).UnixMilli()
		values.Append(step, 1, i == 2)
		s := &result.Series{ID: 7, Score: result.NoScore(), History: []history.View{values.View()}}
		b := &result.Batch{Step: step}
		if i >= 3 && i != 6 {
			s.Since.At = step
		}
		if i == 4 {
			b.Alerts = []result.Alert{{Series: &result.Series{ID: 8}, At: step}, {Series: s, At: step}}
		}
		h.Add(b, s)
	}
	require.Equal(t, []bool{false, false, true, false, false, false, false, false}, h.Masked)
	require.Equal(t, [][2]int64{{begin.Unix() + 240, begin.Unix() + 300}}, h.Alerts)
}

func TestPast_AnswersWhatIsAskedDuringAReplay(t *testing.T) {
	source, begun := result.Source{Name: "latency"}, time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC).UnixMilli()
	replaying, goOn := make(chan struct{}, 2), make(chan struct{})
	p := New(func(
		context.Context, result.Source, []labels.Labels, time.Time, time.Time, func(*result.Batch),
	) error {
		replaying <- struct{}{}
		<-goOn
		return nil
	})
	_, ok := p.Since(source, &result.Series{ID: 1}, begun)
	require.False(t, ok)
	<-replaying
	_, ok = p.Since(source, &result.Series{ID: 2}, begun)
	require.False(t, ok)
	close(goOn)
	p.await(t.Context())
	for id := range uint64(2) {
		since, ok := p.Since(source, &result.Series{ID: id + 1}, begun)
		require.True(t, ok, id)
		require.Equal(t, result.Since{At: begun, OrEarlier: true}, since)
	}
	require.Equal(t, 2, p.sinces.size)
}
