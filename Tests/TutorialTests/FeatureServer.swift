import Descriptors
import Images
import ViT

// Step 1: share one network.
/// Extracts descriptors for many clients, a limited number of photos at once.
actor FeatureServer {
    private let extractor: Extractor
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ network: any Backbone, limit: Int) {
        extractor = Extractor(network)
        free = limit
    }

    // Step 2: wait for a turn.
    private func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    private func leave() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().resume()
        }
    }

    // Step 3: answer a request.
    /// Extracts the descriptors of a photo; throws `ExtractionError.cancelled` if its task is cancelled.
    func descriptors(of photo: Image) async throws -> DescriptorGrid {
        await enter()
        defer { leave() }
        return try await extractor.descriptors(of: photo)
    }

    // Step 4: answer a request for several photos.
    /// Extracts the descriptors of photos by their names; the first error cancels the others.
    func descriptors(of photos: [String: Image]) async throws -> [String: DescriptorGrid] {
        try await withThrowingTaskGroup(of: (String, DescriptorGrid).self) { group in
            for (name, photo) in photos {
                group.addTask { (name, try await self.descriptors(of: photo)) }
            }
            var grids: [String: DescriptorGrid] = [:]
            for try await (name, grid) in group { grids[name] = grid }
            return grids
        }
    }
}
