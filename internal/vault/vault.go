// Package vault encrypts what Postern keeps at rest: the bytes of letters,
// the passwords of mailboxes, the secrets of endpoints.
//
// A sealed value is
//
//	version (1 byte) | key id (4 bytes) | nonce (12 bytes) | ciphertext | tag (16 bytes)
//
// under AES-256-GCM with a subkey that HKDF-SHA256 (RFC 5869) derives from the
// master key for one purpose. Version and key id are authenticated too.
package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
)

const (
	// KeySize is the length of a master key in bytes.
	KeySize = 32
	// Overhead is how many bytes a sealed value is longer than its plain text.
	Overhead = headerSize + 12 + 16

	version    = 1
	idSize     = 4
	headerSize = 1 + idSize
)

// The info strings of HKDF. The id has one of its own, so that publishing it
// in every sealed value tells nothing about a subkey.
const (
	infoID      = "postern vault key id"
	infoPurpose = "postern vault purpose: "
)

// ErrSealed is returned by [Vault.Open] for a value that it cannot open: sealed
// by an unknown key or for another purpose, changed, cut short, or never sealed.
// It does not say which.
var ErrSealed = errors.New("vault: the value cannot be opened with this key")

// Vault seals and opens values. It is safe for concurrent use.
type Vault struct {
	current *masterKey
	byID    map[[idSize]byte]*masterKey
}

// masterKey keeps the ciphers already derived from one key, by purpose.
type masterKey struct {
	secret []byte
	id     [idSize]byte
	aeads  sync.Map // string -> cipher.AEAD
}

// New makes a vault that seals with key and opens what key or one of older
// sealed. Every key has [KeySize] bytes; New copies them.
func New(key []byte, older ...[]byte) (*Vault, error) {
	current, err := newMasterKey(key)
	if err != nil {
		return nil, err
	}
	v := &Vault{current: current, byID: map[[idSize]byte]*masterKey{current.id: current}}
	for _, o := range older {
		k, err := newMasterKey(o)
		if err != nil {
			return nil, err
		}
		if _, taken := v.byID[k.id]; taken {
			return nil, errors.New("vault: the same master key is given twice")
		}
		v.byID[k.id] = k
	}
	return v, nil
}

// Seal encrypts plain for one purpose; the result is [Overhead] bytes longer,
// and differs at every call. A purpose is a constant of the program, such as
// "letter bytes": its cipher is kept for ever. Seal at most 2^32 values for
// one purpose under one key (NIST SP 800-38D 8.3: the nonces are random).
func (v *Vault) Seal(purpose string, plain []byte) []byte {
	out := make([]byte, headerSize, Overhead+len(plain))
	out[0] = version
	copy(out[1:], v.current.id[:])
	return v.current.aead(purpose).Seal(out, nil, plain, out[:headerSize])
}

// Open gives back what [Vault.Seal] was given for the same purpose, or
// [ErrSealed]. An empty plain text comes back empty, not nil.
func (v *Vault) Open(purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != version {
		return nil, ErrSealed
	}
	key, known := v.byID[[idSize]byte(sealed[1:headerSize])]
	if !known {
		return nil, ErrSealed
	}
	plain := make([]byte, 0, len(sealed)-Overhead)
	plain, err := key.aead(purpose).Open(plain, nil, sealed[headerSize:], sealed[:headerSize])
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// Stale says that a value was sealed by an older key and should be sealed anew
// before that key is thrown away. It looks at the key id alone.
func (v *Vault) Stale(sealed []byte) bool {
	return len(sealed) >= headerSize && !bytes.Equal(sealed[1:headerSize], v.current.id[:])
}

func newMasterKey(secret []byte) (*masterKey, error) {
	if len(secret) != KeySize {
		return nil, fmt.Errorf("vault: a master key has %d bytes, this one %d", KeySize, len(secret))
	}
	k := &masterKey{secret: bytes.Clone(secret)}
	k.id = [idSize]byte(k.derive(infoID, idSize))
	return k, nil
}

func (k *masterKey) aead(purpose string) cipher.AEAD {
	if a, ok := k.aeads.Load(purpose); ok {
		return a.(cipher.AEAD)
	}
	block, err := aes.NewCipher(k.derive(infoPurpose+purpose, KeySize))
	if err != nil {
		panic(fmt.Sprintf("vault: AES-256 refused a key of %d bytes: %v", KeySize, err))
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(fmt.Sprintf("vault: GCM refused AES: %v", err))
	}
	a, _ := k.aeads.LoadOrStore(purpose, gcm)
	return a.(cipher.AEAD)
}

// derive cannot fail for the sizes used here: RFC 5869 2.3 allows 8160 bytes.
func (k *masterKey) derive(info string, size int) []byte {
	key, err := hkdf.Key(sha256.New, k.secret, nil, info, size)
	if err != nil {
		panic(fmt.Sprintf("vault: HKDF refused %d bytes: %v", size, err))
	}
	return key
}
