// Xerial's JDBC driver: the scenario, then threads with connections of a pool.
//
// usage: java -cp <the driver's jar>:<classes> Client <scenario> <extension> <database>

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;

final class Client {
  private static final int WORKERS = 4;
  private static final int CONNECTIONS = 3;
  private static final int APPENDS = 25;

  private static final class Step {
    final int line;
    final String verb;
    String sql;
    List<Object> values = List.of();
    final List<List<Object>> rows = new ArrayList<>();
    String error;

    Step(int line, String verb, String sql) {
      this.line = line;
      this.verb = verb;
      this.sql = sql;
    }

    @Override
    public String toString() {
      return "line " + line + ": " + sql;
    }
  }

  private static Object parseLiteral(String text) {
    if (text.equals("NULL")) return null;
    if (text.startsWith("'")) return text.substring(1, text.length() - 1);
    if (text.startsWith("X'")) return HexFormat.of().parseHex(text.substring(2, text.length() - 1));
    if (text.contains(".")) return Double.valueOf(text);
    return Long.valueOf(text);
  }

  private static List<Object> parseValues(String text) {
    return Arrays.stream(text.split(" \\| ")).map(Client::parseLiteral).toList();
  }

  private static List<Step> parseScenario(Path path) throws Exception {
    final List<Step> steps = new ArrayList<>();
    int number = 0;
    for (String line : Files.readAllLines(path)) {
      ++number;
      final String[] parts = line.split(" ", 2);
      final String text = parts.length == 2 ? parts[1] : "";
      final Step last = steps.isEmpty() ? null : steps.get(steps.size() - 1);
      if (line.startsWith(" ")) {
        last.sql += "\n" + line;
        continue;
      }
      switch (parts[0]) {
        case "", "#", "needs" -> { }  // Java has all that could be needed
        case "with" -> last.values = parseValues(text);
        case "row" -> last.rows.add(parseValues(text));
        case "error" -> last.error = text;
        default -> steps.add(new Step(number, parts[0], text));
      }
    }
    return steps;
  }

  private static Connection connect(String extension, String database) throws SQLException {
    final Properties properties = new Properties();
    properties.setProperty("enable_load_extension", "true");
    properties.setProperty("busy_timeout", "60000");
    final Connection connection =
        DriverManager.getConnection("jdbc:sqlite:" + database, properties);
    try (PreparedStatement load = connection.prepareStatement("SELECT load_extension(?)")) {
      load.setString(1, extension);
      load.execute();
    }
    return connection;
  }

  // The driver gives an int for a small INTEGER, and a long for a large one.
  private static Object normalised(Object value) {
    return value instanceof Integer number ? Long.valueOf(number) : value;
  }

  private static List<List<Object>> execute(Connection connection, String sql, List<Object> values)
      throws SQLException {
    final List<List<Object>> rows = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < values.size(); ++i) statement.setObject(i + 1, values.get(i));
      if (!statement.execute()) return rows;
      final ResultSet results = statement.getResultSet();
      final int columns = results.getMetaData().getColumnCount();
      while (results.next()) {
        final List<Object> row = new ArrayList<>();
        for (int i = 1; i <= columns; ++i) row.add(normalised(results.getObject(i)));
        rows.add(row);
      }
    }
    return rows;
  }

  private static void check(boolean condition, String message) {
    if (!condition) throw new AssertionError(message);
  }

  private static void runStatement(Connection connection, Step step) {
    final List<List<Object>> rows;
    try {
      rows = execute(connection, step.sql, step.values);
    } catch (SQLException error) {
      check(step.error != null && error.getMessage().contains(step.error),
          step + "\nexpected error: " + step.error + "\ngot error: " + error.getMessage());
      return;
    }
    check(step.error == null, step + "\nexpected error: " + step.error);
    // deepEquals: BLOBs are arrays.
    final Object[] expected = step.rows.stream().map(List::toArray).toArray();
    final Object[] actual = rows.stream().map(List::toArray).toArray();
    check(Arrays.deepEquals(expected, actual), step + "\nexpected: "
        + Arrays.deepToString(expected) + "\ngot: " + Arrays.deepToString(actual));
  }

  private static void runScenario(Path path, String extension, String database) throws Exception {
    Connection connection = null;
    for (Step step : parseScenario(path)) {
      switch (step.verb) {
        case "open" -> connection = connect(extension, database);
        case "close" -> connection.close();
        case "begin" -> connection.setAutoCommit(false);
        case "commit" -> {
          connection.commit();
          connection.setAutoCommit(true);
        }
        case "rollback" -> {
          connection.rollback();
          connection.setAutoCommit(true);
        }
        case "do", "query" -> runStatement(connection, step);
        default -> throw new AssertionError("line " + step.line + ": unknown step " + step.verb);
      }
    }
  }

  private static long count(Connection connection, String key) throws SQLException {
    return (Long) execute(connection, "SELECT count(*) FROM by_tag WHERE key = ?", List.of(key))
        .get(0).get(0);
  }

  // Appends through one connection of the pool, and reads through another: under 'latest' it finds
  // each of its appends in the view at once.
  private static Void appendAndRead(BlockingQueue<Connection> pool, String worker)
      throws Exception {
    for (int i = 0; i < APPENDS; ++i) {
      final Connection writer = pool.take();
      execute(writer,
          "INSERT INTO events(key, value) VALUES (?, json_object('tags', json_array(?, ?)))",
          List.of(worker + "/" + i, "concurrent", worker));
      pool.add(writer);
      final Connection reader = pool.take();
      final long seen = count(reader, worker);
      pool.add(reader);
      check(seen == i + 1, worker + " sees " + seen + " of its " + (i + 1) + " appends");
    }
    return null;
  }

  private static void runPool(String extension, String database) throws Exception {
    final BlockingQueue<Connection> pool = new ArrayBlockingQueue<>(CONNECTIONS);
    for (int i = 0; i < CONNECTIONS; ++i) {
      final Connection connection = connect(extension, database);
      execute(connection, "SELECT sv_consistency('latest')", List.of());
      pool.add(connection);
    }
    final ExecutorService threads = Executors.newFixedThreadPool(WORKERS);
    final List<Callable<Void>> tasks = IntStream.range(0, WORKERS)
        .<Callable<Void>>mapToObj(n -> () -> appendAndRead(pool, "worker " + n)).toList();
    for (Future<Void> task : threads.invokeAll(tasks)) task.get();
    threads.shutdown();
    for (Connection connection : pool) {
      final long seen = count(connection, "concurrent");
      check(seen == WORKERS * APPENDS, seen + " of " + WORKERS * APPENDS + " appends are there");
      connection.close();
    }
  }

  public static void main(String[] arguments) throws Exception {
    check(arguments.length == 3, "usage: Client <scenario> <extension> <database>");
    runScenario(Path.of(arguments[0]), arguments[1], arguments[2]);
    runPool(arguments[1], arguments[2]);
  }
}
