// Checklog checks a log that a board published, with the code of Go's checksum database in the
// place of the board's own.
//
//	checklog DIRECTORY VKEY [PROOFS]
//
// DIRECTORY has a checkpoint, tiles and bundles of entries (c2sp.org/tlog-tiles). VKEY is the key
// that must have signed the checkpoint; its name is the origin. PROOFS has inclusion proofs
// (*.tlog-proof, c2sp.org/tlog-proof, of the entry with their index) and consistency.json. Whatever
// is wrong is named on standard error, and the exit status is 1.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	width  = 1 << height
)

func main() {
	if len(os.Args) < 3 || len(os.Args) > 4 {
		fail("usage: checklog DIRECTORY VKEY [PROOFS]")
	}
	verifier, err := note.NewVerifier(os.Args[2])
	check("vkey", err)
	directory := os.Args[1]
	tree := readCheckpoint(filepath.Join(directory, "checkpoint"), verifier)
	checkTiles(directory, tree, checkEntries(directory, tree))
	count := 0
	if len(os.Args) == 4 {
		count = checkProofs(os.Args[3], directory, tree, verifier)
	}
	fmt.Printf("%d entries, %d proofs\n", tree.N, count)
}

func readCheckpoint(path string, verifier note.Verifier) tlog.Tree {
	return parseCheckpoint(path, read(path), verifier)
}

// parseCheckpoint verifies a note and returns the tree that its text has.
func parseCheckpoint(what string, data []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(data, note.VerifierList(verifier))
	check(what, err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		fail("%s: the text is not that of a checkpoint of %s", what, verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(what, err)
	root, err := tlog.ParseHash(lines[2])
	check(what, err)
	return tlog.Tree{N: size, Hash: root}
}

// stored has the hashes of a tree, in the order of the checksum database.
type stored []tlog.Hash

func (hashes stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, index := range indexes {
		if index >= int64(len(hashes)) {
			return nil, fmt.Errorf("there is no hash %d", index)
		}
		found = append(found, hashes[index])
	}
	return found, nil
}

// checkEntries makes the tree of the entries, which must be the one that was signed.
func checkEntries(directory string, tree tlog.Tree) stored {
	var hashes stored
	for first := int64(0); first < tree.N; first += width {
		for i, entry := range readBundle(directory, tree.N, first/width) {
			more, err := tlog.StoredHashes(first+int64(i), entry, hashes)
			check("entries", err)
			hashes = append(hashes, more...)
		}
	}
	root, err := tlog.TreeHash(tree.N, hashes)
	check("entries", err)
	if root != tree.Hash {
		fail("entries: the root of their tree is %v, and not %v", root, tree.Hash)
	}
	return hashes
}

// checkTiles compares each tile with that of the tree. The names of the checksum database's
// have the height.
func checkTiles(directory string, tree tlog.Tree, hashes stored) {
	for _, tile := range tlog.NewTiles(height, 0, tree.N) {
		expected, err := tlog.ReadTileData(tile, hashes)
		check("tiles", err)
		name := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		if !bytes.Equal(read(filepath.Join(directory, name)), expected) {
			fail("%s: is not the tile of the tree", name)
		}
	}
}

func readBundle(directory string, size, index int64) [][]byte {
	tile := tlog.Tile{H: height, L: 0, N: index, W: width}
	if rest := size - index*width; rest < width {
		tile.W = int(rest)
	}
	name := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
	data := read(filepath.Join(directory, name))
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			fail("%s: the last entry is cut off", name)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:end])
		data = data[end:]
	}
	if len(entries) != tile.W {
		fail("%s: has %d entries and not %d", name, len(entries), tile.W)
	}
	return entries
}

type consistency struct {
	Old    int64    `json:"old"`
	Root   []byte   `json:"root"`
	Hashes [][]byte `json:"hashes"`
}

func checkProofs(proofs, directory string, tree tlog.Tree, verifier note.Verifier) int {
	names, err := filepath.Glob(filepath.Join(proofs, "*.tlog-proof"))
	check(proofs, err)
	for _, name := range names {
		checkInclusion(name, directory, verifier)
	}
	var all []consistency
	check("consistency.json", json.Unmarshal(read(filepath.Join(proofs, "consistency.json")), &all))
	for _, each := range all {
		what := fmt.Sprintf("consistency with %d entries", each.Old)
		check(what, tlog.CheckTree(toHashes(what, each.Hashes), tree.N, tree.Hash, each.Old,
			toHashes(what, [][]byte{each.Root})[0]))
	}
	return len(names) + len(all)
}

func checkInclusion(name, directory string, verifier note.Verifier) {
	head, checkpoint, found := bytes.Cut(read(name), []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("%s: is no tlog-proof", name)
	}
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	check(name, err)
	var proof tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		check(name, err)
		proof = append(proof, hash)
	}
	tree := parseCheckpoint(name, checkpoint, verifier)
	if index >= tree.N {
		fail("%s: there is no entry %d", name, index)
	}
	entry := readBundle(directory, tree.N, index/width)[index%width]
	check(name, tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
}

func toHashes(what string, all [][]byte) []tlog.Hash {
	var hashes []tlog.Hash
	for _, each := range all {
		hash, err := tlog.ParseHash(base64.StdEncoding.EncodeToString(each))
		check(what, err)
		hashes = append(hashes, hash)
	}
	return hashes
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	check(path, err)
	return data
}

func check(what string, err error) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}
