// Command checkhpke seals to request keys of a push server, and opens what is sealed to them, with
// the HPKE of Go's standard library: an implementation that shares nothing with ours (SPEC 10.2).
//
// It reads lines of words from its standard input, all but the first in hex, and answers each by a
// line:
//
//	public SEED                     the public key of the seed
//	seal PUBLIC INFO PLAINTEXT      enc and the box
//	open SEED INFO SEALED           the plaintext, or "refused"
package main

import (
	"bufio"
	"crypto/hpke"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"strings"
)

func main() {
	log.SetFlags(0)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		answer, err := run(strings.Split(lines.Text(), " "))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(answer)
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

func run(words []string) (string, error) {
	var values [][]byte
	for _, word := range words[1:] {
		value, err := hex.DecodeString(word)
		if err != nil {
			return "", err
		}
		values = append(values, value)
	}
	kem, kdf, aead := hpke.MLKEM768X25519(), hpke.HKDFSHA256(), hpke.ChaCha20Poly1305()
	switch {
	case words[0] == "public" && len(values) == 1:
		key, err := kem.NewPrivateKey(values[0])
		if err != nil {
			return "", err
		}
		return hex.EncodeToString(key.PublicKey().Bytes()), nil
	case words[0] == "seal" && len(values) == 3:
		key, err := kem.NewPublicKey(values[0])
		if err != nil {
			return "", err
		}
		sealed, err := hpke.Seal(key, kdf, aead, values[1], values[2])
		if err != nil {
			return "refused", nil
		}
		return hex.EncodeToString(sealed), nil
	case words[0] == "open" && len(values) == 3:
		key, err := kem.NewPrivateKey(values[0])
		if err != nil {
			return "", err
		}
		plaintext, err := hpke.Open(key, kdf, aead, values[1], values[2])
		if err != nil {
			return "refused", nil
		}
		return hex.EncodeToString(plaintext), nil
	}
	return "", fmt.Errorf("no such line: %s with %d words", words[0], len(words))
}
