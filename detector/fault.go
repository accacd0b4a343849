package detector

import "github.com/anomaly-exporter/anomaly-exporter/detector/result"

// Faults returns why the newest cycle that failed did, of each detector and scaler that has had one since it was
// configured or changed.
func (m *Manager) Faults() map[result.Source]result.Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	faults := map[result.Source]result.Fault{}
	for source, s := range m.slots {
		if f := s.group.fault.Load(); f != nil {
			faults[source] = *f
		}
	}
	return faults
}
