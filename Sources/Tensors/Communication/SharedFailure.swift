/// Work that failed on another rank.
public struct FailureOfRank: Error, Hashable, Sendable, CustomStringConvertible {
    /// The rank.
    public var rank: Int
    /// Its machine.
    public var host: String
    /// The error there, as text.
    public var reason: String

    /// The rank, its machine and the reason, as one sentence.
    public var description: String { "rank \(rank) on \(host): \(reason)" }
}

extension Communicator {
    /// Runs `body` on every rank; all of them return, or all of them throw.
    ///
    /// `body` must not communicate.
    ///
    /// - Parameter body: this rank's part of the work.
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws; if it succeeds here but fails elsewhere, the ``FailureOfRank`` of the first rank that
    ///   failed.
    public func together<Result>(_ body: () throws -> Result) throws -> Result {
        guard count > 1 else { return try body() }
        var result: Swift.Result<Result, any Error>
        do { result = .success(try body()) } catch { result = .failure(error) }
        var reason = ""
        if case .failure(let error) = result { reason = "\(error)" }
        var hasFailed: [UInt8] = [reason.isEmpty ? 0 : 1]
        unite(&hasFailed)
        guard hasFailed[0] != 0 else { return try result.get() }
        let reasons = gather(Array((reason.isEmpty ? "" : "\(host)\0\(reason)").utf8))
        if case .success = result,
            let (rank, text) = reasons.enumerated().first(where: { !$0.element.isEmpty })
        {
            let parts = text.split(separator: 0, maxSplits: 1).map {
                String(decoding: $0, as: UTF8.self)
            }
            result = .failure(
                FailureOfRank(rank: rank, host: parts[0], reason: parts.last ?? ""))
        }
        return try result.get()
    }
}
