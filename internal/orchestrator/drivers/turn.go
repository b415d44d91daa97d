package drivers

import "sync"

// turn lets one after another do what takes long. Unlike a sync.Mutex, whoever waits for it stands still in the virtual time
// of tests, so that the calls of the one who has it go on.
type turn struct {
	once sync.Once
	one  chan struct{}
}

func (t *turn) Lock() {
	t.once.Do(func() { t.one = make(chan struct{}, 1) })
	t.one <- struct{}{}
}

func (t *turn) Unlock() { <-t.one }
