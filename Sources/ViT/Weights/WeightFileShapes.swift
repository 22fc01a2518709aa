import Tensors

/// Infers an architecture from the shapes of a file's tensors.
struct WeightFileShapes {
    let file: TensorFile
    let names: WeightNames

    /// The most channels of a token or of a hidden layer: far more than any network has, and small enough that a
    /// product of two cannot overflow, whatever a file claims.
    private static let limit = 1 << 20

    /// Properties that tensors do not determine, where another source gives them.
    struct Hints {
        var heads: Int?
        var epsilon: Float?
        var rotaryBase: Float?
        /// Rows and columns, if they differ.
        var positionGrid: [Int]?
    }

    /// The shape of a parameter, its parts joined by rows; nil if the file has none of them.
    func shape(of parameter: String) throws(WeightsError) -> Shape? {
        guard let parts = names.parts(of: parameter) else { return nil }
        var first: (name: String, shape: Shape)?
        for part in parts {
            guard let part else { continue }
            guard let shape = file.shape(of: part) else { throw .file(file.reasonAgainst(part)) }
            guard let known = first else {
                first = (part, shape)
                continue
            }
            guard shape == known.shape, shape.rank > 0 else {
                throw misshapen(part, shape, "\(known.shape), as \(known.name)")
            }
        }
        guard let shape = first?.shape, parts.count > 1 else { return first?.shape }
        var dimensions = shape.dimensions
        guard !dimensions.isEmpty else { return nil }
        let (rows, overflow) = dimensions[0].multipliedReportingOverflow(by: parts.count)
        dimensions[0] = rows
        return overflow ? nil : Shape(checking: dimensions)
    }

    func misshapen(_ name: String, _ found: Shape, _ expected: String) -> WeightsError {
        .shape(path: file.path, name: name, found: found, expected: expected)
    }

    private func required(_ parameter: String) throws(WeightsError) -> Shape {
        guard let shape = try shape(of: parameter) else {
            let name = names.naming.parts(of: parameter)[0] ?? parameter
            throw .notCovering(path: file.path, missing: [name], leftOver: [])
        }
        return shape
    }

    /// - Parameter hints: by default heads have 64 channels, and norms the epsilon of the published networks.
    func configuration(_ hints: Hints) throws(WeightsError) -> VisionTransformer.Configuration {
        let token = try required("cls_token")
        guard token.rank == 3, token[0] == 1, token[1] == 1, 1...Self.limit ~= token[2] else {
            throw misshapen("cls_token", token, "1x1xWIDTH")
        }
        let width = token[2]
        let patch = try required("patch_embed.proj.weight")
        guard patch.rank == 4, patch[0] == width, patch[1] == 3, patch[2] == patch[3], patch[2] > 0
        else {
            throw misshapen(
                "patch_embed.proj.weight", patch,
                "\(width)x3xPATCHxPATCH, for square patches of RGB")
        }
        let registers = try registers(width)
        guard !names.blocks.isEmpty else {
            throw .notCovering(path: file.path, missing: ["blocks.0.norm1.weight"], leftOver: [])
        }
        let isRotary = names.naming.family == .dinov3
        let periods = isRotary ? try rotaryPeriods() : nil
        let heads = try heads(width, hints.heads, headWidth: periods.map { 4 * $0.count })
        // Blocks are counted rather than numbered, so that a huge number in a file causes no allocation. If there
        // is a gap, the blocks in it are reported missing and those behind it unexpected.
        var configuration = VisionTransformer.Configuration(
            width: width, depth: names.blocks.count, heads: heads, patchSize: patch[2],
            positionGrid: isRotary
                ? PatchGrid(rows: 1, columns: 1)
                : try grid(width, registers, hints.positionGrid))
        if isRotary {
            guard width / heads % 4 == 0 else {
                throw .heads(path: file.path, width: width, heads: heads)
            }
            configuration.positions = .rotary(
                periods: periods
                    ?? RotaryPositions(
                        headWidth: width / heads, base: hints.rotaryBase ?? 100
                    ).periods)
            configuration.hasKeyBias = false
        }
        configuration.registers = registers
        configuration.hasLayerScale = try shape(of: block("ls1.gamma")) != nil
        // Used only by training with masks: a misshapen one is ignored.
        configuration.hasMaskToken =
            try shape(of: VisionTransformer.maskTokenName)?.count == width
        (configuration.feedForward, configuration.hiddenWidth) = try feedForward(width)
        configuration.layerNormEpsilon = hints.epsilon ?? (isRotary ? 1e-5 : 1e-6)
        return configuration
    }

    private func block(_ parameter: String) -> String { "blocks.0." + parameter }

    private func heads(
        _ width: Int, _ hint: Int?, headWidth: Int?
    ) throws(WeightsError) -> Int {
        let usual = headWidth ?? 64
        if hint == nil && width % usual != 0 {
            throw .heads(path: file.path, width: width, heads: nil)
        }
        let heads = hint ?? width / usual
        guard heads > 0, width % heads == 0 else {
            throw .heads(path: file.path, width: width, heads: heads)
        }
        return heads
    }

    private func registers(_ width: Int) throws(WeightsError) -> Int {
        guard let shape = try shape(of: "register_tokens") else { return 0 }
        guard shape.rank == 3, shape[0] == 1, 1...Self.limit ~= shape[1], shape[2] == width else {
            throw misshapen("register_tokens", shape, "1xREGISTERSx\(width)")
        }
        return shape[1]
    }

    /// The grid of learnt positions, which is square unless the file states it. timm's files of networks with registers
    /// have no code for the class token, which already includes it.
    private func grid(
        _ width: Int, _ registers: Int, _ stated: [Int]?
    ) throws(WeightsError) -> PatchGrid {
        let shape = try required("pos_embed")
        let count = shape.rank == 3 ? shape[1] : 0
        if let stated {
            guard stated.count == 2, stated.allSatisfy({ 1...Self.limit ~= $0 }),
                shape == [1, 1 + stated[0] * stated[1], width]
            else {
                throw misshapen(
                    "pos_embed", shape, "1x(1 + ROWS*COLUMNS)x\(width), as the file states")
            }
            return PatchGrid(rows: stated[0], columns: stated[1])
        }
        let side = squareRoot(count - 1) ?? (registers > 0 ? squareRoot(count) : nil)
        guard let side, side > 0, shape[0] == 1, shape[2] == width else {
            throw misshapen(
                "pos_embed", shape, "1x(1 + SIDE*SIDE)x\(width), for a square grid of patches")
        }
        return PatchGrid(rows: side, columns: side)
    }

    /// The rotary periods stored in a file of DINOv3; nil if it has none.
    private func rotaryPeriods() throws(WeightsError) -> [Float]? {
        guard let name = names.naming.periods.flatMap(names.other) else { return nil }
        guard let shape = file.shape(of: name) else { throw .file(file.reasonAgainst(name)) }
        guard shape.rank == 1, 1...Self.limit ~= shape[0] else {
            throw misshapen(name, shape, "a quarter of a head's channels")
        }
        do {
            return try file.tensor(named: name).elements
        } catch {
            throw .file(error)
        }
    }

    private func feedForward(
        _ width: Int
    ) throws(WeightsError) -> (kind: FeedForward.Kind, hiddenWidth: Int) {
        let (first, gates) = (block("mlp.fc1.weight"), block("mlp.w12.weight"))
        let ofPerceptron = names.naming.parts(of: first)
        let ofGates = names.naming.parts(of: gates).filter { !ofPerceptron.contains($0) }
        let hidden = try shape(of: first) ?? [4 * width, width]
        let taken = try shape(of: block("mlp.fc2.weight")).flatMap { $0.rank == 2 ? $0[1] : nil }
        let isGated =
            ofGates.isEmpty
            ? hidden.rank == 2 && hidden[0] % 2 == 0 && hidden[0] / 2 == taken
            : ofGates.contains { $0.flatMap(names.other) != nil }
        guard isGated else {
            guard hidden.rank == 2, 1...Self.limit ~= hidden[0] else {
                throw misshapen(first, hidden, "HIDDENx\(width)")
            }
            return (.perceptron, hidden[0])
        }
        let joined = try required(gates)
        guard joined.rank == 2, joined[0] % 2 == 0, 2...Self.limit ~= joined[0] else {
            throw misshapen(gates, joined, "2*HIDDENx\(width)")
        }
        return (.swiGLU, joined[0] / 2)
    }
}

/// The root of a perfect square; nil for any other number.
private func squareRoot(_ number: Int) -> Int? {
    guard number >= 0 else { return nil }
    let root = Int(Double(number).squareRoot().rounded())
    let (square, overflow) = root.multipliedReportingOverflow(by: root)
    return !overflow && square == number ? root : nil
}
