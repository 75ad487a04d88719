package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// releases are the downloads on offer; a new cluster takes the one that the tests run on.
var releases = map[int]embeddedpostgres.PostgresVersion{
	15: embeddedpostgres.V15,
	16: embeddedpostgres.V16,
	17: embeddedpostgres.V17,
	18: embeddedpostgres.V18,
}

const (
	newClusterMajor  = 15
	binaryRepository = "https://repo1.maven.org/maven2"
)

// download fetches the programs of one release (0: the one for new clusters) into the cache.
func (k *cluster) download(ctx context.Context, major int) (string, error) {
	if major == 0 {
		major = newClusterMajor
	}
	cache := filepath.Join(k.cacheRoot(), "postgresql-"+strconv.Itoa(major))
	if _, err := serverMajor(ctx, filepath.Join(cache, "bin")); err == nil {
		return filepath.Join(cache, "bin"), nil
	}
	k.log.InfoContext(ctx, "downloading PostgreSQL, about 10 MB, once", "release", major, "to", cache)
	bin, err := fetchBinaries(ctx, cache, binaryRepository, major)
	if err != nil {
		return "", fmt.Errorf("%w (the download failed too: %w)", ErrNoPostgres, err)
	}
	return bin, nil
}

// cacheRoot is a folder that the server's user can reach.
func (k *cluster) cacheRoot() string {
	if k.runAs != nil {
		return "/var/cache/postern"
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "postern")
	}
	return filepath.Join(k.dir, "cache") // no home folder
}

// fetchBinaries downloads and unpacks one release into cache. The library only downloads as the
// first step of a start, so it is given a data path that ends the start right after that step.
func fetchBinaries(ctx context.Context, cache, repository string, major int) (string, error) {
	release, ok := releases[major]
	if !ok {
		return "", fmt.Errorf("release %d is not on offer", major)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	obstacle := filepath.Join(cache, "no-folder")
	if err := os.WriteFile(obstacle, nil, 0o644); err != nil {
		return "", err
	}
	library := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(release).
		Port(0).
		Logger(io.Discard).
		BinaryRepositoryURL(repository).
		CachePath(filepath.Join(cache, "archive")).
		RuntimePath(filepath.Join(cache, "runtime")).
		BinariesPath(cache).
		DataPath(filepath.Join(obstacle, "data")))
	ended := make(chan error, 1)
	go func() { ended <- library.Start() }()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case err := <-ended:
		bin := filepath.Join(cache, "bin")
		if _, missing := serverMajor(ctx, bin); missing != nil {
			return "", errors.Join(err, missing)
		}
		return bin, nil
	}
}
