package db

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// A firewall that swallows packets cannot be had in a test without root: the options of a connection of the
// pool are asked for instead, on both of its ends.
func TestConnectionsNoticeALostNetwork(t *testing.T) {
	t.Parallel()
	d, _ := through(t, Options{AppConns: 1, ClientConns: 1})
	conn, err := d.app.Acquire(soon(t))
	must(t, err)
	defer conn.Release()
	raw, err := conn.Conn().PgConn().Conn().(*net.TCPConn).SyscallConn()
	must(t, err)
	option := func(level, name int) (value int) {
		must(t, raw.Control(func(fd uintptr) { value, err = syscall.GetsockoptInt(int(fd), level, name) }))
		must(t, err)
		return value
	}
	if got := time.Duration(option(syscall.IPPROTO_TCP, tcpUserTimeout)) * time.Millisecond; got != silence {
		t.Errorf("unacknowledged bytes are waited for %s", got)
	}
	if option(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE) != 1 || option(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE) != int(keepAliveEvery.Seconds()) {
		t.Error("a quiet peer is not asked")
	}
	var theirs string
	must(t, conn.QueryRow(soon(t), `select concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout'),
		current_setting('idle_in_transaction_session_timeout'))`).Scan(&theirs))
	asked := d.app.Config().ConnConfig.RuntimeParams // the test's server is behind a Unix socket, which has none of these
	if theirs != "1min 30s 10s" || asked["tcp_user_timeout"] != "25000" || asked["tcp_keepalives_idle"] != "10" {
		t.Errorf("the server's session has %s, and was asked for %v", theirs, asked)
	}
	if got := d.app.Config().ConnConfig.ConnectTimeout; got != connectPatience {
		t.Errorf("connecting may take %s", got)
	}
}
