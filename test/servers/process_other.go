//go:build !linux

package servers

import (
	"errors"
	"syscall"
)

func childAttributes() *syscall.SysProcAttr { return nil }

func cpuSeconds(int) (float64, error) { return 0, errors.ErrUnsupported }

func residentBytes(int) (now, peak int64, err error) { return 0, 0, errors.ErrUnsupported }
