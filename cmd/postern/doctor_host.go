package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/postern-desk/postern/internal/config"
)

// leastSpace is what a busy day needs; below it the database may stop in the middle of a write.
const leastSpace = 1 << 30

// checkDataFolder looks at the folder as the process would use it.
func (d *doctor) checkDataFolder() {
	const name = "data folder"
	dir := d.set.DataDir
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		d.warn(name, dir+" is not there yet", "the first start makes it; set POSTERN_DATA_DIR if it should lie elsewhere")
		return
	case err != nil || !info.IsDir():
		d.fail(name, dir+" is no folder that can be entered", "set POSTERN_DATA_DIR to a folder of the desk's own")
		return
	}
	probe, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		d.fail(name, err.Error(), "give the folder to the user that the desk runs as: chown -R USER "+dir)
		return
	}
	probe.Close()
	os.Remove(probe.Name())
	if info.Mode().Perm()&0o002 != 0 {
		d.fail(name, fmt.Sprintf("%s may be written by everybody (%s)", dir, info.Mode().Perm()), "chmod o-w "+dir)
		return
	}
	free, err := freeSpace(dir)
	if err != nil {
		d.warn(name, err.Error(), "see with df whether there is room: at least 1GiB should be free")
		return
	}
	d.checkSpace(dir, free)
}

func (d *doctor) checkSpace(dir string, free int64) {
	const name = "data folder"
	if free < leastSpace {
		d.warn(name, fmt.Sprintf("%s has %s free", dir, config.Bytes(free>>20<<20)), "make room on that disk, or move the folder and set POSTERN_DATA_DIR: at least 1GiB should be free")
		return
	}
	d.ok(name, fmt.Sprintf("%s, %d GiB free", dir, free>>30))
}

// mostDrift is how far clocks may be apart: deadlines and signatures are judged by them.
const mostDrift = 2 * time.Second

// checkClock compares with a clock that was read between two readings of ours.
func (d *doctor) checkClock(name string, theirs, before, after time.Time) {
	drift := time.Duration(0)
	if theirs.Before(before) {
		drift = theirs.Sub(before)
	} else if theirs.After(after) {
		drift = theirs.Sub(after)
	}
	if drift.Abs() > mostDrift {
		d.warn(name, fmt.Sprintf("it is %s off ours", drift.Round(100*time.Millisecond)), "let both machines take their time from NTP")
		return
	}
	d.ok(name, "agrees with ours")
}
