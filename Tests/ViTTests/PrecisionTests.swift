import Foundation
import Tensors
import Testing
import ViT

/// Networks prepared for inference, in memory and in files.
@Suite struct PrecisionTests {
    private let taps = FeatureTap.all
    private let temporary = TemporaryFile()
    private var path: String { temporary.path }

    private let image: Tensor = {
        var generator = Xoshiro256(seed: 1)
        return .uniform([1, 3, 32, 48], in: -2...2, using: &generator)
    }()

    private func features(_ network: VisionTransformer) throws -> [FeatureTap: Tensor] {
        return network.features(of: image, at: taps).values
    }

    /// Of width 192, so that parts of packed layers are taken without copies.
    private func wideNetwork(depth: Int = 3) -> VisionTransformer {
        var generator = Xoshiro256(seed: 7)
        return VisionTransformer(
            untrained: .init(
                width: 192, depth: depth, heads: 3, patchSize: 8,
                positionGrid: PatchGrid(rows: 4, columns: 4)), using: &generator)
    }

    @Test func preparedForFloatsANetworkGivesTheSameBits() throws {
        for network in [try ModelFixture.model(), wideNetwork()] {
            let prepared = network.prepared(for: .float32)
            let (found, expected) = (try features(prepared), try features(network))
            for tap in taps {
                let (a, b) = (try #require(found[tap]), try #require(expected[tap]))
                #expect(identical(a, b), "\(tap)")
            }
            #expect(prepared.fingerprint == network.fingerprint)
            #expect(prepared.precision == .float32)
            for (a, b) in zip(prepared.parameters, network.parameters) {
                #expect(identical(a.tensor, b.tensor), "\(a.name)")
            }
        }
    }

    @Test func fingerprintDependsOnTheNormalization() {
        var network = wideNetwork()
        let before = network.fingerprint
        network.normalization = .satellite
        #expect(network.fingerprint != before)
        network.normalization = .imageNet
        #expect(network.fingerprint == before)
    }

    @Test(arguments: [(Precision.int16, 2e-3), (.int8, 0.1)])
    func integersAreNearFloats(precision: Precision, bound: Double) throws {
        for network in [try ModelFixture.model(), wideNetwork()] {
            let prepared = network.prepared(for: precision)
            let (found, expected) = (try features(prepared), try features(network))
            for tap in taps {
                let (a, b) = (try #require(found[tap]), try #require(expected[tap]))
                // Without registers, their attention is empty.
                #expect(
                    a.count == 0 || relativeError(a, b) < bound, "\(tap): \(relativeError(a, b))")
            }
            #expect(prepared.fingerprint != network.fingerprint)
            #expect(prepared.precision == precision)
        }
    }

    @Test(arguments: [Precision.int16, .int8])
    func featuresDoNotDependOnThreadsOrTheBatch(precision: Precision) throws {
        let network = wideNetwork().prepared(for: precision)
        let tap = FeatureTap(layer: 2, facet: .token)
        func token(_ images: Tensor) -> Tensor { network.features(of: images, at: [tap])[tap] }
        let alone = token(image)
        let before = Parallelism.threadCount
        defer { Parallelism.threadCount = before }
        let other = Tensor(image.elements.map { 1 - $0 }, shape: image.shape)
        let batch = Tensor(
            Array(repeating: other.elements, count: 20).joined() + image.elements,
            shape: [21, 3, 32, 48])
        for threads in 1...3 {
            Parallelism.threadCount = threads
            #expect(identical(token(image), alone))
            let last = token(batch).rows(20..<21)
            #expect(identical(last, alone))
        }
    }

    @Test(arguments: [Precision.int16, .int8])
    func writtenIntegersGiveTheSameBits(precision: Precision) throws {
        let network = try ModelFixture.model().prepared(for: precision)
        try network.writeIntegers(to: path, metadata: ["origin": "a test"])
        let file = try WeightFile(contentsOf: path)
        #expect(file.precision == precision)
        #expect(file.metadata == ["origin": "a test"])
        var read = try file.network()
        read.positionEncoding?.resampling = .scaleFactor
        #expect(read.precision == precision)
        let (found, expected) = (try features(read), try features(network))
        for tap in taps {
            let (a, b) = (try #require(found[tap]), try #require(expected[tap]))
            #expect(identical(a, b), "\(tap)")
        }
        // As floats, they are the rounded weights.
        let floats = try file.network(for: .float32)
        #expect(floats.precision == .float32)
        for (a, b) in zip(floats.parameters, network.parameters) {
            #expect(identical(a.tensor, b.tensor), "\(a.name)")
        }
        let other = precision == .int8 ? Precision.int16 : .int8
        #expect(
            message { _ = try file.network(for: other) }
                == "\(path) cannot be used: its weights are stored as \(precision.rawValue); they"
                + " cannot be used as \(other.rawValue)")
    }

    @Test func firstQuarterOfTheBlocksKeepsSixteenBits() throws {
        let network = wideNetwork(depth: 5).prepared(for: .int8)
        try network.writeIntegers(to: path)
        let stored = try TensorFile(contentsOf: path)
        for block in 0..<5 {
            for map in ["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"] {
                let type = stored.elementType(of: "blocks.\(block).\(map).weight")
                #expect(type == (block == 0 ? .int16 : .int8), "block \(block), \(map)")
            }
        }
        let file = try WeightFile(contentsOf: path)
        #expect(file.precision == .int8)
        let read = try file.network()
        #expect(read.precision == .int8)
        let (found, expected) = (try features(read), try features(network))
        for tap in taps {
            let (a, b) = (try #require(found[tap]), try #require(expected[tap]))
            #expect(identical(a, b), "\(tap)")
        }
    }

    @Test func damagedIntegersAreRefusedWithASentence() throws {
        let network = try ModelFixture.model().prepared(for: .int16)
        try network.writeIntegers(to: path)
        let intact = try #require(FileManager.default.contents(atPath: path))
        let start = 8 + intact[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try #require(
            JSONSerialization.jsonObject(with: intact[8..<start]) as? [String: Any])
        let scale = "blocks.0.attn.qkv.weight_scale"
        func place(_ name: String) throws -> Int {
            let entry = try #require(header[name] as? [String: Any])
            return try #require((entry["data_offsets"] as? [Int])?.first) + start
        }

        /// The message for a file that was changed.
        func message(_ change: (inout Data) throws -> Void) throws -> String? {
            var data = intact
            try change(&data)
            try data.write(to: URL(filePath: path))
            return self.message { _ = try WeightFile(contentsOf: path).network() }
        }
        func renamed(_ old: String, _ new: String) throws -> String? {
            try message { data in
                let range = try #require(data.range(of: Data(old.utf8)))
                data.replaceSubrange(range, with: Data(new.utf8))
            }
        }

        #expect(try message { _ in } == nil)
        let nan = try message { data in
            let place = try place(scale)
            data.replaceSubrange(place..<place + 4, with: [0, 0, 0xc0, 0x7f])
        }
        #expect(
            nan == "\(path) is damaged: row 0 of blocks.0.attn.qkv.weight has the scale nan")
        let long = try message { data in
            let place = try place("blocks.0.attn.qkv.weight")
            for i in 0..<32 {
                data.replaceSubrange(place + 2 * i..<place + 2 * i + 2, with: [255, 127])
            }
        }
        #expect(
            long?.hasSuffix("weight is longer than the square root of 2^31") == true,
            "\(long ?? "")")
        #expect(
            try renamed("\"precision\":\"int16\"", "\"precision\":\"int4x\"")
                == "\(path) is damaged: its precision is int4x; expected int16 or int8")
        #expect(
            try renamed("\"precision\":\"int16\"", "\"prec1sion\":\"int16\"")?
                .hasPrefix("\(path) does not fit a vision transformer") == true)
        #expect(
            try renamed(scale, "blocks.0.attn.qkv.weight_scald")
                == "\(path) is damaged: blocks.0.attn.qkv.weight does not have a float32 scale for"
                + " each row in \(scale)")
        #expect(
            try renamed("I16", "U16")?.contains("has the type uint16; expected int16") == true)
    }

    @Test func trainingGoesOnFromTheRoundedWeights() throws {
        var network = try ModelFixture.model().prepared(for: .int8)
        let rounded = network.parameters
        network.forEachParameter { _, tensor in
            tensor.withUnsafeMutableElements { $0[0] += 1 }
        }
        #expect(network.precision == .float32)
        for (a, b) in zip(network.parameters, rounded) {
            #expect(a.tensor.elements[0] == b.tensor.elements[0] + 1, "\(a.name)")
            #expect(a.tensor.elements.dropFirst() == b.tensor.elements.dropFirst(), "\(a.name)")
        }
    }

    private func message(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return "\(error)"
        }
    }
}
