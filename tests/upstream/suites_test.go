// Package upstream runs containerd's own suites against a Lade daemon, through containerd's proxy clients.
package upstream

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/core/content"
	contentproxy "github.com/containerd/containerd/v2/core/content/proxy"
	contentsuite "github.com/containerd/containerd/v2/core/content/testsuite"
	"github.com/containerd/containerd/v2/core/snapshots"
	snapshotproxy "github.com/containerd/containerd/v2/core/snapshots/proxy"
	snapshotsuite "github.com/containerd/containerd/v2/core/snapshots/testsuite"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// The suite knows by the name overlayfs what no overlay mount can do: rename a directory of a lower layer.
func TestSnapshots(t *testing.T) {
	snapshotsuite.SnapshotterSuite(t, "overlayfs", func(_ context.Context, root string) (snapshots.Snapshotter, func() error, error) {
		conn, stop, err := startDaemon(root)
		if err != nil {
			return nil, nil, err
		}
		client := snapshotproxy.NewSnapshotter(snapshotsapi.NewSnapshotsClient(conn), "lade")
		return client, stop, nil
	})
}

func TestContent(t *testing.T) {
	contentsuite.ContentSuite(t, "lade", func(ctx context.Context, root string) (context.Context, content.Store, func() error, error) {
		conn, stop, err := startDaemon(root)
		if err != nil {
			return nil, nil, nil, err
		}
		return ctx, contentproxy.NewContentStore(conn), stop, nil
	})
}

// startDaemon starts the command line in LADE_COMMAND, whose words newlines separate, on an empty node below root.
func startDaemon(root string) (*grpc.ClientConn, func() error, error) {
	socket := filepath.Join(root, "lade.sock")
	words := strings.Split(os.Getenv("LADE_COMMAND"), "\n")
	words = append(words, "serve", "--root", filepath.Join(root, "lade"), "--address", socket,
		"--bucket", "file://"+filepath.Join(root, "bucket"), "--containerd", filepath.Join(root, "none.sock"),
		"--fill", "full", "--restart", "off")
	daemon := exec.Command(words[0], words[1:]...)

	daemon.Stderr = os.Stderr
	output, err := daemon.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := daemon.Start(); err != nil {
		return nil, nil, err
	}
	stop := func() error {
		if err := daemon.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		return daemon.Wait()
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || !strings.HasPrefix(line, "ready ") {
		_ = stop()
		return nil, nil, fmt.Errorf("the daemon said %q instead of being ready: %w", line, err)
	}
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		_ = stop()
		return nil, nil, err
	}
	return conn, func() error {
		_ = conn.Close()
		return stop()
	}, nil
}
