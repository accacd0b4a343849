package servers

import (
	"context"
	"errors"
	"io"
)

// AlertmanagerOptions say how an Alertmanager is started. The zero value is a server with one silent receiver on a free port.
type AlertmanagerOptions struct {
	Dir    string    // data directory; "" is a temporary one, removed by Stop
	Config string    // YAML text of the configuration, written to a file
	Flags  []string  // more command line flags
	Addr   string    // listen address, by default 127.0.0.1:0
	Log    io.Writer // takes the log; its end is kept and shown in errors in any case
	Binary string    // by default Tool("alertmanager")
}

// Alertmanager is a running Alertmanager server.
type Alertmanager struct {
	*server
}

// StartAlertmanager starts an Alertmanager and returns when it answers that it is ready. The context bounds the start only.
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
