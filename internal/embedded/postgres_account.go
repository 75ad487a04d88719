package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// account is the user that the server runs as when we are root; PostgreSQL refuses to be root.
type account struct {
	uid, gid uint32
}

// serverAccount is nil for an ordinary user: the server then runs as ourselves. An existing
// cluster is run by whoever owns it.
func serverAccount(data string) (*account, error) {
	owner, exists, err := ownerOf(data)
	if err != nil {
		return nil, err
	}
	me := os.Geteuid()
	switch {
	case me != 0 && exists && owner.uid != uint32(me):
		return nil, fmt.Errorf("%s belongs to user id %d: start as that user or as root", data, owner.uid)
	case me != 0:
		return nil, nil
	case exists && owner.uid != 0:
		return owner, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &account{uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root and there is neither a user postgres nor nobody")
}

func ownerOf(path string) (*account, bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, false, fmt.Errorf("%s: the owner is unknown", path)
	}
	return &account{uid: stat.Uid, gid: stat.Gid}, true, nil
}

// own gives a path to the server's user.
func (k *cluster) own(path string) error {
	if k.runAs == nil {
		return nil
	}
	return os.Lchown(path, int(k.runAs.uid), int(k.runAs.gid))
}

// command prepares a program of the server to run as the server's user, in the cluster's folder.
// Its environment is fixed: PG* variables would change its meaning and ours may hold secrets.
func (k *cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(k.program(program), args...)
	cmd.Dir = k.home
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if k.runAs != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: k.runAs.uid, Gid: k.runAs.gid}
	}
	return cmd
}
