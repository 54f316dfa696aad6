package fsys

import (
	"context"
	"time"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
)

// Locker is a WritableDir that has several writers, as other processes may be.
type Locker interface {
	// TryLock takes the lock of that name, or says that somebody else has it. While it is held there may be a file of the
	// name. unlock gives it back; a process that ends gives back all of its own.
	TryLock(ctx context.Context, name string) (unlock func() error, ok bool, err error)
}

// TryLock takes a lock of d. One that is no [Locker] has one writer, who gets it.
func TryLock(ctx context.Context, d WritableDir, name string) (unlock func() error, ok bool, err error) {
	if l, ok := content.As[Locker](d); ok {
		return l.TryLock(ctx, name)
	}
	return func() error { return nil }, true, nil
}

// lockInterval is how long a wait for a lock sleeps between two looks.
const lockInterval = 20 * time.Millisecond

// Lock waits on c until it has a lock of d, or fails once ctx has ended.
func Lock(ctx context.Context, d WritableDir, name string, c clock.Clock) (unlock func() error, err error) {
	for {
		unlock, ok, err := TryLock(ctx, d, name)
		if ok || err != nil {
			return unlock, err
		}
		if err := c.Sleep(ctx, lockInterval); err != nil {
			return nil, err
		}
	}
}
