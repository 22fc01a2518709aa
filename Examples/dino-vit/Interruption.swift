import Dispatch
import Foundation
import Synchronization

/// Notes that the process was asked to end, so that work can be saved first: by a person (control-C,
/// `kill`), by a terminal that was closed, or by a batch system (SIGUSR1 ahead of SIGTERM, often).
///
/// The second time a person asks, the system ends it. The others may come twice for one cause (a shell
/// passes on the SIGHUP that the system sends too) and change nothing then.
final class Interruption {
    private final class Mark: Sendable {
        let isSet = Atomic<Bool>(false)
    }

    private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGUSR1]

    private let mark = Mark()
    private let sources: [any DispatchSourceSignal]

    /// Whether it was asked.
    var isAsked: Bool { mark.isSet.load(ordering: .relaxed) }

    init() {
        sources = Interruption.signals.compactMap { number in
            let former = signal(number, SIG_IGN)
            // Under nohup the terminal's end means nothing. (Shells without job control ignore SIGINT
            // in the background, too; `kill -INT` still means it.)
            if number == SIGHUP && isIgnoring(former) { return nil }
            return DispatchSource.makeSignalSource(signal: number, queue: .global())
        }
        for source in sources {
            source.setEventHandler { [mark] in
                for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
                guard !mark.isSet.exchange(true, ordering: .relaxed) else { return }
                Terminal.show(
                    "\nending after this step; once more to end without saving\n")
            }
            source.activate()
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }
}

/// Whether a signal's disposition is SIG_IGN: a number in place of a function.
private func isIgnoring(_ disposition: sig_t?) -> Bool {
    unsafeBitCast(disposition, to: Int.self) == unsafeBitCast(SIG_IGN as sig_t?, to: Int.self)
}
