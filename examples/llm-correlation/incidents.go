package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// maxIncidents bounds the incidents that are remembered. Guard: nobody has as many at a time.
const maxIncidents = 10_000

// An incident lasts from the first notification about a group of alerts until Alertmanager resolves the group.
type incident struct {
	turn    chan struct{} // holds a token for whoever works on it
	seen    time.Time     // the last notification
	posted  bool
	message []byte // what is to be posted; nil: there is no diagnosis yet
}

// incidents are those that last. They are safe for concurrent use.
type incidents struct {
	file   string        // keeps those that were posted over a restart; "": nothing does
	maxAge time.Duration // without a notification, an incident is over
	now    func() time.Time

	mu  sync.Mutex
	all map[string]*incident
}

// kept is an incident in the file.
type kept struct {
	Seen time.Time `json:"seen"`
}

// loadIncidents reads the incidents of an earlier process. A file that cannot be read is an error, so that nobody is
// told everything twice without knowing why.
func loadIncidents(file string, maxAge time.Duration, now func() time.Time) (*incidents, error) {
	i := &incidents{file: file, maxAge: maxAge, now: now, all: map[string]*incident{}}
	if file == "" {
		return i, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return i, nil
	}
	if err != nil {
		return nil, err
	}
	var saved map[string]kept
	if err := json.Unmarshal(text, &saved); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for key, k := range saved {
		i.all[key] = &incident{turn: make(chan struct{}, 1), seen: k.Seen, posted: true}
	}
	return i, nil
}

// key identifies a group of alerts without telling its labels.
func key(groupKey string) string {
	sum := sha256.Sum256([]byte(groupKey))
	return hex.EncodeToString(sum[:8])
}

// begin waits for the turn to work on an incident, which a new one is made for if need be. Whoever has it must call
// done.
func (i *incidents) begin(ctx context.Context, key string) (one *incident, done func(), err error) {
	i.mu.Lock()
	i.forget()
	one = i.all[key]
	if one == nil {
		one = &incident{turn: make(chan struct{}, 1)}
		i.all[key] = one
	}
	one.seen = i.now()
	i.mu.Unlock()
	select {
	case one.turn <- struct{}{}:
		return one, func() { <-one.turn }, nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// forget drops what is over, and the oldest if there are too many. The caller holds the lock.
func (i *incidents) forget() {
	oldest := ""
	for key, one := range i.all {
		if i.now().Sub(one.seen) > i.maxAge {
			delete(i.all, key)
		} else if oldest == "" || one.seen.Before(i.all[oldest].seen) {
			oldest = key
		}
	}
	if len(i.all) >= maxIncidents {
		delete(i.all, oldest)
	}
}

// end drops an incident that Alertmanager has resolved.
func (i *incidents) end(key string) error {
	i.mu.Lock()
	delete(i.all, key)
	i.mu.Unlock()
	return i.save()
}

// save writes those that were posted to the file, in one step.
func (i *incidents) save() error {
	if i.file == "" {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	saved := map[string]kept{}
	for key, one := range i.all {
		if one.posted {
			saved[key] = kept{one.seen}
		}
	}
	text, err := json.Marshal(saved)
	if err != nil {
		return fmt.Errorf("save incidents: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(i.file), filepath.Base(i.file)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), i.file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// setPosted notes that people have been told of an incident.
func (i *incidents) setPosted(one *incident) error {
	i.mu.Lock()
	one.posted, one.message = true, nil
	i.mu.Unlock()
	return i.save()
}

// count returns how many incidents last.
func (i *incidents) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.all)
}
