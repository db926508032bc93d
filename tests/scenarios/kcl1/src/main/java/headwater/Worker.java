package headwater;

import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.cloudwatch.AmazonCloudWatchClientBuilder;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBClientBuilder;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBStreamsClientBuilder;
import com.amazonaws.services.dynamodbv2.streamsadapter.AmazonDynamoDBStreamsAdapterClient;
import com.amazonaws.services.dynamodbv2.streamsadapter.StreamsWorkerFactory;
import com.amazonaws.services.dynamodbv2.streamsadapter.model.RecordAdapter;
import com.amazonaws.services.kinesis.clientlibrary.exceptions.InvalidStateException;
import com.amazonaws.services.kinesis.clientlibrary.exceptions.ShutdownException;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.IRecordProcessorCheckpointer;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.v2.IRecordProcessor;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.InitialPositionInStream;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.KinesisClientLibConfiguration;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.ShutdownReason;
import com.amazonaws.services.kinesis.clientlibrary.types.InitializationInput;
import com.amazonaws.services.kinesis.clientlibrary.types.ProcessRecordsInput;
import com.amazonaws.services.kinesis.clientlibrary.types.ShutdownInput;
import com.amazonaws.services.kinesis.metrics.interfaces.MetricsLevel;

/**
 * One worker of the Kinesis Client Library 1 on a DynamoDB stream, as its users write them.
 *
 * <p>Arguments: endpoint, stream ARN, application, worker; with none it is made ready and not run,
 * so that Java can archive its classes for a quicker start. Says on its output what happens, a line
 * each: {@code begin SHARD}, {@code record SHARD KEY N}, {@code end SHARD}, {@code lost SHARD}. The
 * library's waits are shortened, which is all that differs from its defaults; no metrics are sent.
 */
public final class Worker {
  private static final String REGION = "us-east-1";

  private Worker() {}

  public static void main(String[] arguments) {
    if (arguments.length == 0) {
      String stream = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-11-23T12:34:56.789";
      worker("http://127.0.0.1:9", stream, "application", "worker");
      System.exit(0);
    }
    worker(arguments[0], arguments[1], arguments[2], arguments[3]).run();
  }

  private static com.amazonaws.services.kinesis.clientlibrary.lib.worker.Worker worker(String address, String stream, String application, String name) {
    var credentials = new AWSStaticCredentialsProvider(new BasicAWSCredentials("any", "any"));
    var endpoint = new EndpointConfiguration(address, REGION);
    var streams =
        new AmazonDynamoDBStreamsAdapterClient(
            AmazonDynamoDBStreamsClientBuilder.standard()
                .withEndpointConfiguration(endpoint)
                .withCredentials(credentials)
                .build());
    var tables =
        AmazonDynamoDBClientBuilder.standard()
            .withEndpointConfiguration(endpoint)
            .withCredentials(credentials)
            .build();
    var configuration =
        new KinesisClientLibConfiguration(application, stream, credentials, name)
            .withRegionName(REGION)
            .withInitialPositionInStream(InitialPositionInStream.TRIM_HORIZON)
            .withIdleTimeBetweenReadsInMillis(200)
            .withParentShardPollIntervalMillis(200)
            .withFailoverTimeMillis(4000)
            .withShardSyncIntervalMillis(1000)
            .withMetricsLevel(MetricsLevel.NONE);
    var unused =
        AmazonCloudWatchClientBuilder.standard()
            .withEndpointConfiguration(endpoint)
            .withCredentials(credentials)
            .build();
    return StreamsWorkerFactory.createDynamoDbStreamsWorker(
        Processor::new, configuration, streams, tables, unused);
  }

  private static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  /** Prints records and checkpoints behind them. */
  private static final class Processor implements IRecordProcessor {
    private String shard;

    @Override
    public void initialize(InitializationInput input) {
      shard = input.getShardId();
      say("begin " + shard);
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
      for (var each : input.getRecords()) {
        var image = ((RecordAdapter) each).getInternalObject().getDynamodb().getNewImage();
        say("record " + shard + " " + image.get("pk").getS() + " " + image.get("n").getN());
      }
      checkpoint(input.getCheckpointer());
    }

    @Override
    public void shutdown(ShutdownInput input) {
      if (input.getShutdownReason() == ShutdownReason.TERMINATE) {
        checkpoint(input.getCheckpointer());
        say("end " + shard);
      } else {
        say("lost " + shard);
      }
    }

    private static void checkpoint(IRecordProcessorCheckpointer checkpointer) {
      try {
        checkpointer.checkpoint();
      } catch (ShutdownException | InvalidStateException error) {
        say("unstored " + error);
      }
    }
  }
}
