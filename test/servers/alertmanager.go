package servers

import (
	"context"
	"errors"
	"io"
)

// AlertmanagerOptions are the options of StartAlertmanager. The zero value is a server on a free port, with one
// receiver that notifies nobody.
type AlertmanagerOptions struct {
	Dir    string    // data directory; by default a temporary one, which Stop removes
	Config string    // YAML text of the configuration, written to a file
	Flags  []string  // additional command line flags
	Addr   string    // listen address, by default 127.0.0.1:0
	Log    io.Writer // receives the log; errors show the end of the log in any case
	Binary string    // by default Tool("alertmanager")
}

// Alertmanager is a running Alertmanager server.
type Alertmanager struct {
	*server
}

// StartAlertmanager starts an Alertmanager and returns when it is ready. The context only bounds the start.
func StartAlertmanager(ctx context.Context, o AlertmanagerOptions) (*Alertmanager, error) {
	config := o.Config
	if config == "" {
		config = "route: {receiver: none}\nreceivers: [{name: none}]\n"
	}
	s, err := newServer("alertmanager", o.Binary, o.Dir, o.Addr, config, o.Log)
	if err != nil {
		return nil, err
	}
	s.args = append([]string{
		"--config.file=" + s.configFile(),
		"--storage.path=" + s.dir,
		"--cluster.listen-address=", // no gossip
	}, o.Flags...)
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.removeDir())
	}
	return &Alertmanager{server: s}, nil
}
