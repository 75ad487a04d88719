package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	// mailDNSPatience is how long a TCP client may take for a question (RFC 7766
	// 6.2.3 asks for a few seconds).
	mailDNSPatience = 10 * time.Second
	// mailDNSQuery is far more than a question takes.
	mailDNSQuery = 4 << 10
	// mailDNSPorts is how many free UDP ports are tried for one whose TCP twin
	// is free too.
	mailDNSPorts = 20
)

// MailDNS is a DNS server that knows one thing: the public key of a MailSigner,
// under its selector and any domain. To every other question it has no answer.
type MailDNS struct {
	answers  mailDNSAnswers
	udp      net.PacketConn
	tcp      *mailListener
	log      *slog.Logger
	serving  sync.WaitGroup
	stopOnce sync.Once
}

// StartMailDNS answers at addr (host:port, port 0 takes a free one) by UDP and
// TCP until Stop. A nil log is silence.
func StartMailDNS(ctx context.Context, addr string, signer *MailSigner, log *slog.Logger) (*MailDNS, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	answers, err := newMailDNSAnswers(signer.record)
	if err != nil {
		return nil, fmt.Errorf("embedded: DNS: %w", err)
	}
	d := &MailDNS{answers: answers, log: log}
	if err := d.listen(ctx, addr); err != nil {
		return nil, fmt.Errorf("embedded: DNS: %w", err)
	}
	d.serving.Go(d.serveUDP)
	d.serving.Go(d.serveTCP)
	return d, nil
}

// listen binds one port for both protocols: a client that gets a truncated
// answer asks again there by TCP (RFC 7766 5).
func (d *MailDNS) listen(ctx context.Context, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	for tries := mailDNSPorts; ; tries-- {
		if d.udp, err = (&net.ListenConfig{}).ListenPacket(ctx, "udp", addr); err != nil {
			return err
		}
		if d.tcp, err = listenMail(d.udp.LocalAddr().String()); err == nil {
			return nil
		}
		err = errors.Join(err, d.udp.Close())
		if port != "0" || tries == 1 || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
}

// Addr is the host:port where both protocols answer.
func (d *MailDNS) Addr() string { return d.udp.LocalAddr().String() }

// Stop ends the server and its connections; further calls do nothing.
func (d *MailDNS) Stop() {
	d.stopOnce.Do(func() {
		d.udp.Close()
		d.tcp.closeAll()
		d.serving.Wait()
	})
}

func (d *MailDNS) serveUDP() {
	query := make([]byte, mailDNSQuery)
	for {
		n, client, err := d.udp.ReadFrom(query)
		if err != nil {
			d.ended("udp", err)
			return
		}
		if answer := d.answers.udp(query[:n]); answer != nil {
			if _, err := d.udp.WriteTo(answer, client); err != nil {
				d.log.Debug("DNS: an answer was not sent", "error", err)
			}
		}
	}
}

func (d *MailDNS) serveTCP() {
	for {
		conn, err := d.tcp.Accept()
		if err != nil {
			d.ended("tcp", err)
			return
		}
		d.serving.Go(func() {
			defer conn.Close()
			if err := d.converse(conn); err != nil {
				d.log.Debug("DNS: a connection failed", "error", err)
			}
		})
	}
}

// converse answers one question after the other. Two bytes before each message
// say how long it is (RFC 1035 4.2.2).
func (d *MailDNS) converse(conn net.Conn) error {
	for {
		if err := conn.SetDeadline(time.Now().Add(mailDNSPatience)); err != nil {
			return err
		}
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return err
		}
		answer := d.answers.tcp(query)
		if answer == nil {
			return errors.New("that was no question")
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return err
		}
	}
}

func (d *MailDNS) ended(protocol string, err error) {
	if !errors.Is(err, net.ErrClosed) {
		d.log.Error("DNS: no longer answering", "protocol", protocol, "error", err)
	}
}
