import Platform

/// Saliency interpolated from patches to a photo's pixels.
public struct PixelSaliency: Sendable {
    private let values: [Float]
    private let geometry: DescriptorGrid.Geometry

    /// Prepares a map for interpolation.
    ///
    /// - Precondition: the map has the geometry's grid.
    public init(_ map: SaliencyMap, geometry: DescriptorGrid.Geometry) {
        require(
            map.values.shape == [geometry.grid.rows, geometry.grid.columns],
            "PixelSaliency: a map \(map.values.shape) on the grid "
                + "\(geometry.grid.rows)x\(geometry.grid.columns)")
        values = map.values.elements
        self.geometry = geometry
    }

    /// Width of the photo in pixels.
    public var width: Int { geometry.photoWidth }
    /// Height of the photo in pixels.
    public var height: Int { geometry.photoHeight }

    /// The pixels' values row by row, bilinear between the centres of the patches. Complexity: O(pixels).
    public func pixels() -> [Float] {
        geometry.interpolated(values, width: width, height: height)
    }

    /// The most salient pixels that together hold a share of the saliency, row by row; none if nothing
    /// is salient.
    ///
    /// - Parameter share: 0...1; the default of 60% is from Caron et al. 2021, section 4.2.2.
    /// - Complexity: O(pixels log pixels).
    public func foreground(keeping share: Double = 0.6) -> [Bool] {
        foregrounds(keeping: [share])[0]
    }

    /// `foreground` for each of several shares; the pixels are interpolated and sorted once.
    func foregrounds(keeping shares: [Double]) -> [[Bool]] {
        let pixels = pixels()
        let sorted = pixels.sorted(by: >)
        // In the order of the partial sums, the last of which is then the same number.
        let total = sorted.reduce(0) { $0 + Double($1) }
        return shares.map { share in
            var sum = 0.0
            let last = sorted.first { value in
                sum += Double(value)
                return sum >= share * total
            }
            return pixels.map { $0 >= last ?? .infinity && $0 > 0 }
        }
    }
}
