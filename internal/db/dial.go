package db

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connectPatience bounds one attempt to connect, login included.
	connectPatience = 15 * time.Second
	// silence is how long bytes may stay unacknowledged, or a quiet peer unanswering, before the connection is
	// given up: longer than a switch or a failover takes to settle, far shorter than the quarter of an hour that
	// TCP itself retransmits into a network that swallows packets.
	silence = 25 * time.Second
	// keepAliveEvery asks a quiet peer, so that the silence is noticed without anything to send.
	keepAliveEvery = 10 * time.Second
)

// reachSafely lets a lost network be noticed on both ends: ours ends the work that waits, the server's frees
// its locks.
func reachSafely(config *pgxpool.Config) {
	c := config.ConnConfig
	if c.ConnectTimeout == 0 { // the URL has none
		c.ConnectTimeout = connectPatience
	}
	dialer := net.Dialer{Timeout: c.ConnectTimeout, Control: limitSilence,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveEvery, Interval: keepAliveEvery / 2, Count: 3}}
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
	// Over a Unix socket the server ignores these.
	c.RuntimeParams["tcp_keepalives_idle"] = seconds(keepAliveEvery)
	c.RuntimeParams["tcp_keepalives_interval"] = seconds(keepAliveEvery / 2)
	c.RuntimeParams["tcp_keepalives_count"] = "3"
	c.RuntimeParams["tcp_user_timeout"] = strconv.Itoa(int(silence.Milliseconds()))
}

// limit sets the server's own limits, below ours, so that its word comes before we hang up.
func limit(config *pgxpool.Config, patience time.Duration) {
	milliseconds := func(d time.Duration) string { return strconv.Itoa(int(d.Milliseconds())) }
	p := config.ConnConfig.RuntimeParams
	p["statement_timeout"] = milliseconds(patience)
	// Whoever waits longer than this waits for something that hangs.
	p["lock_timeout"] = milliseconds(patience / 2)
	// A process that is frozen in the middle of a transaction, or lost without a word, must not hold its locks until
	// those who wait for them give up: whoever took its mailbox over waits for its cursor.
	p["idle_in_transaction_session_timeout"] = milliseconds(patience / 6)
}
