import Platform
import Testing

/// `require` prints its message in every build.
@Suite struct RequireTests {
    #if compiler(>=6.2) && (os(Linux) || os(macOS))
        @Test func failurePrintsItsMessage() async throws {
            let failed = try #require(
                await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                    let (a, b) = ([2, 3], [4, 5])
                    require(a == b, "product: \(a) and \(b) do not match")
                })
            #expect(
                String(decoding: failed.standardErrorContent, as: UTF8.self)
                    .contains("product: [2, 3] and [4, 5] do not match"))
        }
    #endif

    @Test func messageIsEvaluatedOnlyOnFailure() {
        var isEvaluated = false
        func message() -> String {
            isEvaluated = true
            return ""
        }
        require(true, message())
        #expect(!isEvaluated)
    }
}
