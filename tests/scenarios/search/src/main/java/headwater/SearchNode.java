package headwater;

import java.util.List;
import java.util.Map;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.http.HttpInfo;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/**
 * A cluster of one node of OpenSearch, on this machine alone and without a distribution.
 *
 * <p>Argument: its directory. Says on its output where it listens; ends when its input does.
 */
public final class SearchNode {
  private SearchNode() {}

  public static void main(String[] arguments) throws Exception {
    Settings settings =
        Settings.builder()
            .put("path.home", arguments[0])
            .put("discovery.type", "single-node")
            .put("network.host", "127.0.0.1")
            .put("http.port", "0")
            .put("transport.port", "0")
            .put("http.max_content_length", "1mb")
            .put("node.store.allow_mmap", false)
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build();
    try (Node node = new Assembled(settings)) {
      node.start();
      var info = node.client().admin().cluster().prepareNodesInfo().get().getNodes().get(0);
      var address = info.getInfo(HttpInfo.class).address().publishAddress();
      System.out.println("http://127.0.0.1:" + address.getPort());
      while (System.in.read() >= 0) {}
    }
    System.exit(0);
  }

  /** A node with the one plugin that a distribution adds so that it can be spoken to. */
  private static final class Assembled extends Node {
    private Assembled(Settings settings) {
      super(environment(settings), List.of(Netty4Plugin.class), true);
    }

    private static Environment environment(Settings settings) {
      return InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "one");
    }
  }
}
