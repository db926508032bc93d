package headwater;

import java.net.URI;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.TransientNio2BlobStore;

/**
 * An S3 server on this machine alone, with buckets in memory, that refuses what is not signed.
 *
 * <p>Arguments: the id of an access key and its secret. Says on its output where it listens; ends
 * when its input does.
 */
public final class ObjectServer {
  private ObjectServer() {}

  public static void main(String[] arguments) throws Exception {
    var server =
        S3Proxy.builder()
            .blobStore(new TransientNio2BlobStore())
            .endpoint(URI.create("http://127.0.0.1:0"))
            .awsAuthentication(AuthenticationType.AWS_V2_OR_V4, arguments[0], arguments[1])
            .build();
    server.start();
    System.out.println("http://127.0.0.1:" + server.getPort());
    while (System.in.read() >= 0) {}
    System.exit(0);
  }
}
