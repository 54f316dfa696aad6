package fsys

import (
	"context"
	"errors"
	"path"
)

// Pending is a file that gets its name when it is whole, replacing the one that had it.
type Pending struct {
	Writer     // nil once it is closed
	dir        WritableDir
	temp, name string
}

// NewPending starts the file name of dir under the name temp, which nobody else uses. The caller closes it.
func NewPending(ctx context.Context, dir WritableDir, temp, name string) (*Pending, error) {
	w, err := dir.Append(ctx, temp)
	if err != nil {
		return nil, err
	}
	return &Pending{w, dir, temp, name}, nil
}

// Commit gives the file its name and returns when that and its content are on stable storage, where the platform can.
func (p *Pending) Commit(ctx context.Context) error {
	if err := p.publish(ctx, p.Sync()); err != nil {
		return err
	}
	return p.dir.Sync(ctx, path.Dir(p.name))
}

// Publish gives the file its name and leaves it to the system when it reaches the disk.
func (p *Pending) Publish(ctx context.Context) error { return p.publish(ctx, nil) }

func (p *Pending) publish(ctx context.Context, err error) error {
	w := p.Writer
	p.Writer = nil
	if err = errors.Join(err, w.Close()); err == nil {
		err = p.dir.Rename(ctx, p.temp, p.name)
	}
	if err != nil {
		return errors.Join(err, p.remove(ctx))
	}
	return nil
}

// Close removes what was not committed.
func (p *Pending) Close() error {
	if p.Writer == nil {
		return nil
	}
	w := p.Writer
	p.Writer = nil
	return errors.Join(w.Close(), p.remove(context.Background()))
}

func (p *Pending) remove(ctx context.Context) error {
	return p.dir.Remove(context.WithoutCancel(ctx), p.temp)
}
