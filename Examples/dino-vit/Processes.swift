import Foundation
import MessagePassing
import Synchronization
import Tensors

/// A command that several processes can run together, as `mpirun` starts them.
protocol RunsOnSeveralProcesses {}

/// The processes that were started together. Only the first one writes messages.
enum Processes {
    private static let joinedRanks = Mutex<any Communicator>(Alone())

    /// All processes; before `joined()`, or if started alone, only this one.
    static var all: any Communicator { joinedRanks.withLock(\.self) }

    /// Whether this process reports to the user.
    static var isFirst: Bool { all.rank == 0 }

    /// Joins the other processes.
    static func joined() throws -> any Communicator {
        let environment = ProcessInfo.processInfo.environment
        let limit = environment["DINO_VIT_TIMEOUT"].flatMap { Int($0) }.map { Duration.seconds($0) }
        let ranks = try MessagePassing.start(
            waiting: limit ?? MessagePassing.usualLimit,
            whenLost: { Terminal.show("error: \($0)\n", evenIfMuted: true) })
        joinedRanks.withLock { $0 = ranks }
        Terminal.isMuted = ranks.rank != 0
        shareProcessors(among: MessagePassing.ranksOnHost(ranks))
        return ranks
    }

    /// Divides the machine's processors among the processes on it, unless the launcher has bound them to some.
    private static func shareProcessors(among ranks: Int) {
        let installed = ProcessInfo.processInfo.processorCount
        guard ranks > 1, Parallelism.processorCount == installed else { return }
        Parallelism.threadCount = max(1, installed / ranks)
    }

    /// Leaves the others, and returns whether they end, too.
    static func end() -> Bool { MessagePassing.end(all, waiting: .seconds(10)) }

    /// Ends all processes, because this one cannot continue.
    static func abort(because reason: String) -> Never {
        let ranks = all
        let place = ranks.rank == 0 ? "" : "rank \(ranks.rank) on \(ranks.host): "
        Terminal.show("error: \(place)\(reason)\n", evenIfMuted: true)
        MessagePassing.abort(ranks)
        exit(EXIT_FAILURE)
    }
}
