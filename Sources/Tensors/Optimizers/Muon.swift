import Platform

/// Orthogonalised momentum by Newton-Schulz iterations (Muon; Jordan et al. 2024) for the weight matrices of hidden
/// layers, and AdamW for all other parameters. For a matrix `[rows, columns]`:
///
///     m += (g - m) (1 - momentum);  u = g + (m - g) momentum
///     o = U Vᵀ, approximately, where u = U S Vᵀ
///     p -= rate decay p;  p -= rate 0.2 sqrt(max(rows, columns)) o
///
/// Its steps are as long as AdamW's, so that both take the same rate and decay (Liu et al. 2025, "Muon is scalable for
/// LLM training"). This is `torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"`, in float32 instead of bfloat16.
public struct Muon: Optimizer {
    /// The constants of the update; the defaults are PyTorch's.
    public struct Options: Sendable, Codable, Hashable {
        /// The decay of the gradient's running average.
        public var momentum = 0.95
        /// Newton-Schulz iterations per step.
        public var iterations = 5
        /// Options for the parameters that are not orthogonalised.
        public var adamW = AdamW.Options()

        /// Creates the default options.
        public init() {}
    }

    /// The constants of the update.
    public let options: Options
    private var parameters: [ParameterState]
    /// The number of matrices in each orthogonalised parameter, by its name.
    private let matrices: [String: Int]

    /// Creates an optimiser for a module, with its averages at 0.
    ///
    /// - Parameters:
    ///   - module: the module whose parameters are to be updated.
    ///   - options: the constants of the update.
    ///   - matrices: returns the number of weight matrices that a parameter `[rows, …]` stacks along its rows, of equal
    ///     sizes and orthogonalised separately (3 for queries, keys and values in one); 0 for a parameter that AdamW
    ///     updates. Axes after the first are flattened into columns.
    ///   - scaling: returns the multipliers of each parameter of the module; all are 1 by default.
    /// - Precondition: a parameter that holds matrices has at least two axes, and its rows are a multiple of their
    ///   number.
    public init(
        for module: some Module, options: Options = Options(),
        matrices: (_ name: String, _ parameter: Tensor) -> Int,
        scaling: (_ name: String, _ parameter: Tensor) -> ParameterScaling = { _, _ in .init() }
    ) {
        self.options = options
        var counts: [String: Int] = [:]
        for (name, parameter) in module.parameters {
            let count = matrices(name, parameter)
            guard count > 0 else { continue }
            require(
                parameter.shape.rank > 1 && parameter.shape[0] % count == 0,
                "Muon: \(count) matrices in \(name) \(parameter.shape)")
            counts[name] = count
        }
        self.matrices = counts
        parameters = ParameterState.all(
            of: module, averages: { counts[$0] == nil ? 2 : 1 }, scaling)
    }

    /// The optimiser's state; see `Optimizer.state`.
    public var state: [(name: String, tensor: Tensor)] {
        get { parameters.tensors }
        set { parameters.tensors = newValue }
    }

    /// Updates the module's parameters; see `Optimizer.step`.
    ///
    /// - Complexity: AdamW's, plus `iterations` times three matrix products for each matrix (see `orthogonalize`);
    ///   memory for a few copies of the largest matrix.
    public mutating func step(
        _ module: inout some Module, by gradients: Gradients, rate: Double, weightDecay: Double
    ) {
        let (options, matrices) = (options, matrices)
        parameters.forEach(in: &module, gradients) { state, parameter, gradient in
            if let count = matrices[state.name] {
                options.step(
                    &state, &parameter, gradient, matrices: count, rate: rate,
                    weightDecay: weightDecay)
            } else {
                options.adamW.step(
                    &state, &parameter, gradient, rate: rate, weightDecay: weightDecay)
            }
        }
    }
}

extension Muon.Options {
    /// Steps one parameter that holds matrices, whose state has one average.
    fileprivate func step(
        _ state: inout ParameterState, _ parameter: inout Tensor, _ gradient: Tensor,
        matrices: Int, rate: Double, weightDecay: Double
    ) {
        let rows = parameter.shape[0] / matrices
        let columns = parameter.count / parameter.shape[0]
        let keep = Float(1 - rate * state.scaling.rate * weightDecay * state.scaling.weightDecay)
        let factor = Float(
            rate * state.scaling.rate * 0.2 * Double(max(rows, columns)).squareRoot())
        let momentum = Float(momentum)
        withUnsafePointers(writing: &parameter, &state.averages[0], reading: gradient) { p, m, g in
            for start in stride(from: 0, to: gradient.count, by: rows * columns) {
                var update = Tensor(uninitialized: [rows, columns])
                update.withUnsafeMutableElements { u in
                    for i in u.indices {
                        let g = g[start + i]
                        m[start + i] += (g - m[start + i]) * (1 - momentum)
                        u[i] = g + (m[start + i] - g) * momentum
                    }
                }
                update.orthogonalize(iterations: iterations)
                update.withUnsafeElements { u in
                    for i in u.indices { p[start + i] = keep * p[start + i] - factor * u[i] }
                }
            }
        }
    }
}

extension Tensor {
    /// Brings the singular values of a matrix towards 1 (into 0.7...1.2 after five iterations) and keeps its singular
    /// vectors: after division by its Frobenius norm, `X = a X + (b X Xᵀ + c (X Xᵀ)²) X` with Jordan's coefficients,
    /// which raise small values fastest. A tall matrix is multiplied by the polynomial in `Xᵀ X` from the right
    /// instead.
    ///
    /// - Complexity: per iteration two products of `rows columns min(rows, columns)` and one of the smaller side cubed.
    mutating func orthogonalize(iterations: Int) {
        let (a, b, c): (Float, Float, Float) = (3.4445, -4.775, 2.0315)
        let (rows, columns) = (shape[0], shape[1])
        let isTall = rows > columns
        let side = min(rows, columns)
        scale(by: Float(1 / max(squaredLength.squareRoot(), 1e-7)))
        var next = Tensor(uninitialized: shape)
        var gram = Tensor(uninitialized: [side, side])
        var polynomial = Tensor(uninitialized: [side, side])
        for _ in 0..<iterations {
            withUnsafePointers(writing: &gram, &polynomial, reading: self) { g, p, x in
                let matrix = MatrixView(x, rows: rows, columns: columns)
                let square = MatrixView(g, rows: side, columns: side)
                multiply(
                    isTall ? matrix.transposed : matrix, isTall ? matrix : matrix.transposed,
                    into: g, rowStride: side)
                multiply(square, square, into: p, rowStride: side)
                inChunks(of: side * side) { for i in $0 { p[i] = b * g[i] + c * p[i] } }
                let factor = MatrixView(p, rows: side, columns: side)
                withUnsafePointers(writing: &next) { y in
                    inChunks(of: rows * columns) { for i in $0 { y[i] = a * x[i] } }
                    multiply(
                        isTall ? matrix : factor, isTall ? factor : matrix, into: y,
                        rowStride: columns, accumulates: true)
                }
            }
            swap(&self, &next)
        }
    }
}
